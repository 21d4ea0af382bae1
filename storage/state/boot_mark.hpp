// Whether the unsynced state of a folder can be trusted: it can unless the machine went down while it was open. The file
// `run` beside the database holds the boot id under which it was opened last and whether it was closed in order, or in
// what way it was found damaged: an older version takes that for no mark and trusts nothing either.
#pragma once
#include "runtime/base/error.hpp"
#include <string>

namespace actord::state {

struct boot_mark {
  std::string boot_id; // of the kernel; "" when unknown, which trusts nothing that was left open
  bool clean = false;
  std::string damage{}; // what was found; "" when nothing was
  bool differs = false; // damage: it is not what most servers have, and nobody knows since when: its snapshots are not to be trusted
};

std::string current_boot_id();
result<bool> read_mark(const std::string& folder, boot_mark& out); // false when there is none that says anything
status write_mark(const std::string& folder, const boot_mark& m); // durable when it returns
std::string text_of(const boot_mark& m);
bool can_trust(const boot_mark& left, const std::string& now);

status sync_folder(const std::string& folder);
// Copies a file and syncs the copy.
status copy_file(const std::string& from, const std::string& to);

} // namespace actord::state
