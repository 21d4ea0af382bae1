// Consul's measure of a write as who asked for it sees it: from the proposal until it is applied. For the fronts of a server.
#pragma once
#include "runtime/telemetry/metrics.hpp"
#include "storage/command/row.hpp"
#include <array>

namespace actord {

// Null when the command's kind has none.
inline telemetry::series* write_sample(std::string_view command) {
  static const auto samples = [] {
    std::array<telemetry::series*, 256> out{};
    for (const auto* row : command_rows())
      if (!row->proposed.empty()) out[static_cast<uint8_t>(row->kind)] = &telemetry::sample(row->proposed);
    return out;
  }();
  return command.empty() ? nullptr : samples[static_cast<unsigned char>(command[0])];
}

} // namespace actord
