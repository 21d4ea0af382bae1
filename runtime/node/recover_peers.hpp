// The way out when a majority of the servers is gone for good: <data_dir>/raft/peers.json, written by an operator on every
// server that is left, replaces the configuration that the log holds (Consul's outage recovery, same place and format).
#pragma once
#include "runtime/base/error.hpp"
#include <string>

namespace actord {

class log_store;

// Takes over `folder`/peers.json when it is there, durably, and removes it. Errors name the file and what is wrong in
// it; then nothing has changed. Also leaves `folder`/peers.info, which says how it is done.
status recover_peers(const std::string& folder, log_store& log);

} // namespace actord
