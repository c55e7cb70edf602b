#pragma once
#include <string>
#include <vector>

#include "cli/command.h"
#include "client/connection.h"
#include "sql/session.h"

namespace strom::cli {

// The verbs of `strom lake` that speak to the service that tiers, each an exit code.

struct LakeVerb {
  client::Connection& connection;
  const Arguments& arguments;
  std::string database;
  sql::RowSink& printer;

  model::TablePath PathOf(const std::string& table) const { return PathIn(table, database); }
};

int LakeJobs(const LakeVerb& verb);
int LakeWhy(const LakeVerb& verb, const std::string& table);
int LakePreflight(const LakeVerb& verb);
/// Of the whole cluster.
int LakeEnable(const LakeVerb& verb);
int LakeDisable(const LakeVerb& verb);
/// pause, resume, tier.
int LakeControl(const LakeVerb& verb, const std::string& action, const std::string& table);
int LakeCompact(const LakeVerb& verb, const std::string& table);
int LakeExpire(const LakeVerb& verb, const std::string& table);

/// A name for people: of this process on this machine.
std::string ProcessName();

}  // namespace strom::cli
