// Consul's measure of a write as who asked for it sees it: from the proposal until it is applied. For the fronts of a server.
#pragma once
#include "runtime/telemetry/metrics.hpp"
#include "storage/command/commands.hpp"

namespace actord {

// Null when the command's kind has none.
inline telemetry::series* write_sample(std::string_view command) {
  static auto &registered = telemetry::sample("catalog.register"), &deregistered = telemetry::sample("catalog.deregister"), &kv = telemetry::sample("kvs.apply"),
              &txn = telemetry::sample("txn.apply"), &session = telemetry::sample("session.apply"), &renewed = telemetry::sample("session.renew"), &query = telemetry::sample("prepared-query.apply");
  if (command.empty()) return nullptr;
  switch (static_cast<command_kind>(command[0])) {
  case command_kind::catalog_register: return &registered;
  case command_kind::catalog_deregister: return &deregistered;
  case command_kind::kv: return &kv;
  case command_kind::txn: return &txn;
  case command_kind::session: return &session;
  case command_kind::session_renew: return &renewed;
  case command_kind::prepared_query: return &query;
  default: return nullptr;
  }
}

} // namespace actord
