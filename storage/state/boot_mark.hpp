// Whether the unsynced state of a folder can be trusted: it can unless the machine went down while it was open. The file
// `run` beside the database holds the boot id under which it was opened last and whether it was closed in order.
#pragma once
#include "runtime/base/error.hpp"
#include <string>

namespace actord::state {

struct boot_mark {
  std::string boot_id; // of the kernel; "" when unknown, which trusts nothing that was left open
  bool clean = false;
};

std::string current_boot_id();
bool read_mark(const std::string& folder, boot_mark& out); // false when there is none
status write_mark(const std::string& folder, const boot_mark& m); // durable when it returns
bool can_trust(const boot_mark& left, const std::string& now);

status sync_folder(const std::string& folder);
// Copies a file and syncs the copy.
status copy_file(const std::string& from, const std::string& to);

} // namespace actord::state
