#include <cstdio>
#include <iostream>
#include <map>

#include <termios.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/result_printer.h"
#include "security/acl.h"
#include "security/sasl.h"

namespace strom::cli {
namespace {

using security::Operation;

constexpr const char* kAclHelp = R"(strom acl: who may do what

  strom acl list [RESOURCE]                      the rights that were given
  strom acl grant PRINCIPAL OPERATION [RESOURCE] READ, WRITE, CREATE, DROP, ALTER, DESCRIBE, ALL
  strom acl grant PRINCIPAL --role ROLE [RESOURCE]
  strom acl revoke PRINCIPAL [RESOURCE]          every right that it has there
  strom acl roles                                what the roles are made of

A PRINCIPAL is User:NAME, or *:* for everybody; a RESOURCE is cluster (also when it is left out), a
database or DB.TABLE. A right holds for everything inside.

  --host ADDRESS           grants hold for clients at that address only
  --bootstrap HOST:PORT, --user NAME (password in STROM_PASSWORD), -o table|json|ndjson|csv
)";

constexpr const char* kUserHelp = R"(strom user: who can log in to listeners that ask for a password

  strom user add NAME       the password is the first line of standard input
  strom user passwd NAME    another one for him
  strom user remove NAME    of those added here; users in server.yaml stay

  --bootstrap HOST:PORT, --user NAME (password in STROM_PASSWORD)
)";

struct Role {
  const char* name;
  std::vector<Operation> operations;
};
const std::vector<Role>& Roles() {
  static const std::vector<Role> roles{{"owner", {Operation::kAll}},
                                       {"editor",
                                        {Operation::kRead, Operation::kWrite, Operation::kCreate,
                                         Operation::kAlter, Operation::kDrop}},
                                       {"viewer", {Operation::kRead}}};
  return roles;
}

int PrintRoles(sql::RowSink& printer) {
  printer.Begin({{"role", "VARCHAR", false}, {"operations", "VARCHAR", false}});
  for (const Role& role : Roles()) {
    std::vector<std::string> names;
    for (const Operation operation : role.operations) names.emplace_back(NameOf(operation));
    printer.Row({sql::TextCell(role.name), sql::TextCell(Join(names, ", "))});
  }
  printer.End();
  return kDone;
}

Result<std::vector<Operation>> OperationsIn(const Arguments& arguments, const std::string& word) {
  const std::string role = arguments.Get("--role");
  if (role.empty()) {
    STROM_ASSIGN(const Operation operation, security::OperationNamed(word));
    return std::vector{operation};
  }
  for (const Role& known : Roles()) {
    if (role == known.name) return known.operations;
  }
  return Err(ErrorCode::kInvalidArgument, "there is no role '{}'; see strom acl roles", role);
}

wire::PbAclFilter Everything() {
  wire::PbAclFilter filter;
  filter.resource_type = filter.operation_type = filter.permission_type = 1;
  return filter;
}

void Narrow(wire::PbAclFilter& filter, const security::Resource& resource) {
  filter.resource_type = static_cast<int32_t>(resource.type);
  filter.resource_name = resource.name;
}

Status List(client::Connection& connection, const std::string& place, sql::RowSink& printer) {
  wire::ListAclsRequest request;
  request.acl_filter = Everything();
  if (!place.empty()) Narrow(request.acl_filter, security::ResourceIn(place));
  STROM_ASSIGN(const auto response, connection.Call(request));
  printer.Begin({{"principal", "VARCHAR", false},
                 {"operation", "VARCHAR", false},
                 {"resource_type", "VARCHAR", false},
                 {"resource", "VARCHAR", false},
                 {"host", "VARCHAR", false}});
  for (const wire::PbAclInfo& acl : response.acl) {
    printer.Row({sql::TextCell(acl.principal_type + ":" + acl.principal_name),
                 sql::TextCell(NameOf(static_cast<Operation>(acl.operation_type))),
                 sql::TextCell(NameOf(static_cast<security::ResourceType>(acl.resource_type))),
                 sql::TextCell(acl.resource_name), sql::TextCell(acl.host)});
  }
  printer.End();
  return {};
}

Status Grant(client::Connection& connection, const security::Principal& principal,
             const std::vector<Operation>& operations, const security::Resource& resource,
             const std::string& host) {
  wire::CreateAclsRequest request;
  for (const Operation operation : operations) {
    wire::PbAclInfo& acl = request.acl.emplace_back();
    acl.resource_name = resource.name;
    acl.resource_type = static_cast<int32_t>(resource.type);
    acl.principal_type = principal.type;
    acl.principal_name = principal.name;
    acl.host = host;
    acl.operation_type = static_cast<int32_t>(operation);
    acl.permission_type = static_cast<int32_t>(security::Permission::kAllow);
  }
  STROM_ASSIGN(const auto response, connection.Call(request));
  for (const auto& one : response.acl_res) STROM_TRY(client::ErrorIn(one));
  return {};
}

Status Revoke(client::Connection& connection, const security::Principal& principal,
              const security::Resource& resource) {
  wire::DropAclsRequest request;
  wire::PbAclFilter& filter = request.acl_filter.emplace_back(Everything());
  Narrow(filter, resource);
  filter.principal_type = principal.type;
  filter.principal_name = principal.name;
  STROM_ASSIGN(const auto response, connection.Call(request));
  size_t dropped = 0;
  for (const auto& result : response.filter_results) {
    STROM_TRY(client::ErrorIn(result));
    for (const auto& matching : result.matching_acls) STROM_TRY(client::ErrorIn(matching));
    dropped += result.matching_acls.size();
  }
  if (dropped == 0) {
    return Err(ErrorCode::kNotFound, "{} has no right of its own on {}", principal.ToString(),
               resource.ToString());
  }
  std::fprintf(stderr, "%zu rights taken from %s\n", dropped, principal.ToString().c_str());
  return {};
}

Result<int> RunAclVerb(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.rest();
  const std::string verb = words.empty() ? "" : words[0];
  STROM_ASSIGN(const auto printer, MakePrinter(arguments.Get("-o", "table"), stdout));
  if (verb == "roles" && words.size() == 1) return PrintRoles(*printer);
  const auto word = [&](size_t i) { return words.size() > i ? words[i] : std::string(); };
  const bool lists = verb == "list" && words.size() <= 2;
  const size_t of_role = arguments.Has("--role") ? 0 : 1;  // without one an operation is named
  const bool grants = verb == "grant" && words.size() >= 2 + of_role && words.size() <= 3 + of_role;
  const bool revokes = verb == "revoke" && words.size() >= 2 && words.size() <= 3;
  if (!lists && !grants && !revokes) {
    return Err(ErrorCode::kInvalidArgument, "'{}' is not understood; see strom acl --help",
               Join(words, " "));
  }
  std::vector<Operation> operations;
  security::Principal principal;
  if (!lists) {
    STROM_ASSIGN(principal, security::PrincipalIn(word(1)));
  }
  if (grants) {
    STROM_ASSIGN(operations, OperationsIn(arguments, word(2)));
  }
  const std::string place = word(lists ? 1 : grants ? 2 + of_role : 2);
  STROM_ASSIGN(const auto connection, client::Connection::Open(ClusterIn(arguments)));
  if (lists) {
    STROM_TRY(List(*connection, place, *printer));
    return kDone;
  }
  const security::Resource resource =
      place.empty() ? security::Resource::Cluster() : security::ResourceIn(place);
  if (grants) {
    STROM_TRY(Grant(*connection, principal, operations, resource,
                    arguments.Get("--host", security::kEveryone)));
  } else {
    STROM_TRY(Revoke(*connection, principal, resource));
  }
  return kDone;
}

/// A line that a terminal does not show.
Result<std::string> ReadSecret(const std::string& prompt) {
  termios shown{};
  const bool terminal = ::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &shown) == 0;
  if (terminal) {
    std::fprintf(stderr, "%s: ", prompt.c_str());
    termios hidden = shown;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::string line;
  std::getline(std::cin, line);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    std::fputc('\n', stderr);
  }
  if (line.empty()) return Err(ErrorCode::kInvalidArgument, "no password came on standard input");
  return line;
}

Result<int> RunUserVerb(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.rest();
  const std::string verb = words.size() == 2 ? words[0] : "";
  if (verb != "add" && verb != "passwd" && verb != "remove") {
    return Err(ErrorCode::kInvalidArgument, "'{}' is not understood; see strom user --help",
               Join(words, " "));
  }
  const std::string& user = words[1];
  constexpr int32_t kAppend = 2;
  constexpr int32_t kSubtract = 3;
  wire::PbAlterConfig change;
  change.config_key = security::kUsersSetting;
  change.op_type = verb == "remove" ? kSubtract : kAppend;
  change.config_value = user;
  if (verb != "remove") {
    STROM_ASSIGN(const std::string password, ReadSecret("password of " + user));
    change.config_value = user + ":" + password;
  }
  STROM_ASSIGN(const auto connection, client::Connection::Open(ClusterIn(arguments)));
  wire::AlterClusterConfigsRequest request;
  request.alter_configs.push_back(change);
  STROM_TRY(connection->Call(request));
  return kDone;
}

template <class Run>
int Enter(const std::vector<std::string>& words, const char* help,
          const std::vector<std::string>& options, Run run) {
  const auto arguments = Arguments::Parse(words, {"--help", "-h"}, options);
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(help, stdout);
    return kDone;
  }
  const Result<int> done = run(*arguments);
  return done ? *done : Report(done.error());
}

}  // namespace

int RunAcl(const std::vector<std::string>& words) {
  return Enter(words, kAclHelp, {"--bootstrap", "--user", "-o", "--role", "--host"}, RunAclVerb);
}

int RunUser(const std::vector<std::string>& words) {
  return Enter(words, kUserHelp, {"--bootstrap", "--user"}, RunUserVerb);
}

}  // namespace strom::cli
