#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "io/file_system.h"

namespace strom::lake {

/// The files below `folder`, in all its folders that `enter` does not refuse (by path), whose
/// content was last changed before `before`. None when there is no such folder. What vanishes
/// meanwhile is no error.
Result<std::vector<std::string>> FilesBefore(
    io::FileSystem& files, const std::string& folder, Millis before,
    const std::function<bool(const std::string& path)>& enter);

/// Removes those of `candidates` that nobody needs; returns how many.
///
/// The order keeps it safe beside committers: candidates are listed before it is found out what is
/// needed, so that a file which becomes part of the table in between is known to be.
Result<int64_t> RemoveUnneeded(io::FileSystem& files, const std::vector<std::string>& candidates,
                               const std::function<bool(const std::string& path)>& needed);

/// Whether a name is one that io's atomic writes use until they are done.
bool IsTemporary(const std::string& path);

}  // namespace strom::lake
