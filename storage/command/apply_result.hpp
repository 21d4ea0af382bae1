// What comes back of a command. Apart from the commands, so that who passes outcomes on need not know them.
#pragma once
#include "runtime/base/error.hpp"
#include <cstdint>
#include <memory>
#include <string>

namespace actord {

struct txn_response; // commands.hpp

// What applying a command gave. `failure` is set when the command was refused (its text is Consul's); the entry stays in
// the log and changed nothing.
struct apply_result {
  uint64_t index = 0;
  bool value = true; // of cas, lock, unlock …
  error failure;     // errc::none when applied
  std::shared_ptr<txn_response> txn;
  std::string body; // of what the leader answered itself
};

} // namespace actord
