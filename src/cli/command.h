#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/connection.h"
#include "model/ids.h"

namespace strom::cli {

/// Exit codes that scripts may rely on (docs/cli.md).
enum Exit {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kAlreadyExists = 4,
  kDenied = 5,
  kRefused = 6,
  kRetry = 7,
  kTimeout = 8,
  kInterrupted = 130  // what was read so far is printed
};

/// The words after a verb: `--name value`, `--name=value`, `-c value`, and what stands alone.
class Arguments {
 public:
  /// `flags` take no value; `options` take one. Errors: kInvalidArgument naming what is unknown.
  static Result<Arguments> Parse(const std::vector<std::string>& words,
                                 const std::vector<std::string>& flags,
                                 const std::vector<std::string>& options, bool any_option = false);
  bool Has(const std::string& name) const { return values_.contains(name); }
  std::string Get(const std::string& name, std::string fallback = "") const;
  std::vector<std::string> All(const std::string& name) const;
  const std::multimap<std::string, std::string>& values() const { return values_; }
  const std::vector<std::string>& rest() const { return rest_; }

 private:
  std::multimap<std::string, std::string> values_;
  std::vector<std::string> rest_;
};

/// What a word names: "db.table", or a table of `database`.
model::TablePath PathIn(const std::string& word, const std::string& database);

/// What `--bootstrap` and `--user` say, with the password in STROM_PASSWORD; STROM_USER stands in
/// for
/// `--user`.
client::Cluster ClusterIn(const Arguments& arguments);

/// Prints "error[NAME]: message" and returns the exit code that belongs to the error.
int Report(const Error& error);

int RunServer(const std::vector<std::string>& words);
int RunSql(const std::vector<std::string>& words);
int RunTier(const std::vector<std::string>& words);
/// What may stand behind `strom lake`.
std::vector<std::string> LakeVerbNames();
int RunLake(const std::vector<std::string>& words);
int RunRead(const std::vector<std::string>& words);
int RunWrite(const std::vector<std::string>& words);
int RunLookup(const std::vector<std::string>& words);
int RunTable(const std::vector<std::string>& words);
int RunAcl(const std::vector<std::string>& words);
int RunUser(const std::vector<std::string>& words);
int RunCompletion(const std::vector<std::string>& words);
int RunDb(const std::vector<std::string>& words);

}  // namespace strom::cli
