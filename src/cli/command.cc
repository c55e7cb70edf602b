#include "cli/command.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"

namespace strom::cli {

Result<Arguments> Arguments::Parse(const std::vector<std::string>& words,
                                   const std::vector<std::string>& flags,
                                   const std::vector<std::string>& options, bool any_option) {
  Arguments arguments;
  const auto knows = [](const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  for (size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with('-') || words[i] == "-") {
      arguments.rest_.push_back(words[i]);
      continue;
    }
    std::string name = words[i];
    std::optional<std::string> value;
    if (const size_t equals = name.find('=');
        name.starts_with("--") && equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    if (knows(flags, name) && !value) {
      arguments.values_.emplace(name, "true");
      continue;
    }
    if (!knows(options, name) && !(any_option && name.starts_with("--"))) {
      std::vector<std::string> all = flags;
      all.insert(all.end(), options.begin(), options.end());
      const std::string near = Nearest(name, all);
      return Err(ErrorCode::kInvalidArgument, "unknown option {}{}", name,
                 near.empty() ? "" : "; did you mean " + near + "?");
    }
    if (!value) {
      if (i + 1 == words.size())
        return Err(ErrorCode::kInvalidArgument, "option {} needs a value", name);
      value = words[++i];
    }
    arguments.values_.emplace(name, *value);
  }
  return arguments;
}

std::string Arguments::Get(const std::string& name, std::string fallback) const {
  const auto it = values_.find(name);
  return it == values_.end() ? fallback : it->second;
}

std::vector<std::string> Arguments::All(const std::string& name) const {
  std::vector<std::string> all;
  const auto [begin, end] = values_.equal_range(name);
  for (auto it = begin; it != end; ++it) all.push_back(it->second);
  return all;
}

model::TablePath PathIn(const std::string& word, const std::string& database) {
  const size_t dot = word.find('.');
  return dot == std::string::npos ? model::TablePath{database, word}
                                  : model::TablePath{word.substr(0, dot), word.substr(dot + 1)};
}

client::Cluster ClusterIn(const Arguments& arguments) {
  const auto from_environment = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  return {arguments.Get("--bootstrap", "127.0.0.1:9123"),
          arguments.Get("--user", from_environment("STROM_USER")),
          from_environment("STROM_PASSWORD")};
}

int Report(const Error& error) {
  std::fprintf(stderr, "error[%s]: %s\n", NameOf(error.code), error.message.c_str());
  switch (error.code) {
    case ErrorCode::kInvalidArgument: return kUsage;
    case ErrorCode::kNotFound:
    case ErrorCode::kTableNotExist:
    case ErrorCode::kDatabaseNotExist:
    case ErrorCode::kPartitionNotExists: return kNotFound;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kTableAlreadyExist:
    case ErrorCode::kDatabaseAlreadyExist:
    case ErrorCode::kLakeTableAlreadyExist:
    case ErrorCode::kPartitionAlreadyExists: return kAlreadyExists;
    case ErrorCode::kAuthorization:
    case ErrorCode::kAuthenticate: return kDenied;
    case ErrorCode::kInvalidAlterTable:
    case ErrorCode::kDatabaseNotEmpty: return kRefused;
    case ErrorCode::kRequestTimeOut: return kTimeout;
    default: return IsRetriable(error.code) ? kRetry : kFailed;
  }
}

}  // namespace strom::cli
