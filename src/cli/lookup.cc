#include <cstdio>

#include "base/text.h"
#include "cli/command.h"
#include "cli/result_printer.h"
#include "cli/target.h"
#include "sql/lexer.h"

namespace strom::cli {
namespace {

constexpr const char* kLookupHelp = R"(strom lookup: the row with a key

  strom lookup TABLE VALUE...          the values of the primary key, in its order
  strom lookup TABLE --prefix VALUE... rows whose key begins with these values
  --bootstrap HOST:PORT, --user NAME, --database NAME, -o table|json|ndjson|csv
  Exit code 3: there is no such row.
)";

/// Passes rows on and counts them.
class Counted final : public sql::RowSink {
 public:
  explicit Counted(sql::RowSink& sink) : sink_(sink) {}
  void Begin(const std::vector<sql::ResultColumn>& columns) override { sink_.Begin(columns); }
  void Row(const std::vector<sql::Cell>& cells) override {
    sink_.Row(cells);
    ++rows_;
  }
  void End() override { sink_.End(); }
  bool Flush() override { return sink_.Flush(); }
  int64_t rows() const { return rows_; }

 private:
  sql::RowSink& sink_;
  int64_t rows_ = 0;
};

}  // namespace

int RunLookup(const std::vector<std::string>& words) {
  const auto arguments = Arguments::Parse(words, {"--help", "-h", "--prefix"},
                                          {"--bootstrap", "--user", "--database", "-o"});
  if (!arguments) return Report(arguments.error());
  if (arguments->Has("--help") || arguments->Has("-h")) {
    std::fputs(kLookupHelp, stdout);
    return kDone;
  }
  const std::vector<std::string>& rest = arguments->rest();
  if (rest.size() < 2)
    return Report(Error{ErrorCode::kInvalidArgument, "strom lookup wants a table and a key"});
  const auto printer = MakePrinter(arguments->Get("-o", "table"), stdout);
  if (!printer) return Report(printer.error());
  const auto target = OpenTarget(*arguments, rest[0]);
  if (!target) return Report(target.error());
  const std::vector<std::string>& key = target->schema().primary_key;
  if (key.empty()) {
    return Report(Error{ErrorCode::kInvalidArgument,
                        "table " + target->table->info.path.ToString() + " has no primary key"});
  }
  const size_t given = rest.size() - 1;
  const bool prefix = arguments->Has("--prefix");
  if (given > key.size() || (!prefix && given != key.size())) {
    return Report(Error{ErrorCode::kInvalidArgument,
                        fmt::format("the primary key of {} is ({}), {} values were given",
                                    target->table->info.path.ToString(), Join(key, ", "), given)});
  }
  std::vector<std::string> conditions;
  for (size_t i = 0; i < given; ++i)
    conditions.push_back(sql::QuoteName(key[i]) + " = " + sql::QuoteText(rest[i + 1]));
  Counted counted(**printer);
  const int code = RunStatement(
      *target->session, "SELECT * FROM " + target->name + " WHERE " + Join(conditions, " AND "),
      counted);
  return code == kDone && counted.rows() == 0 ? int{kNotFound} : code;
}

}  // namespace strom::cli
