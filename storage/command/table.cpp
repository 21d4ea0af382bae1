#include "storage/command/table.hpp"
#include <algorithm>
#include <array>

namespace actord {

namespace {

constexpr auto all = std::apply([](const auto&... row) { return std::array<const command_row*, sizeof...(row)>{&row...}; }, command_table);

constexpr auto by_kind = [] {
  std::array<const command_row*, 256> out{};
  for (const auto* row : all) out[static_cast<uint8_t>(row->kind)] = row;
  return out;
}();

} // namespace

const command_row* row_of(std::string_view command) { return command.empty() ? nullptr : by_kind[static_cast<unsigned char>(command[0])]; }
std::span<const command_row* const> command_rows() { return all; }

unsigned highest_command_level() {
  static constexpr unsigned highest = std::apply([](const auto&... row) { return std::max({row.level...}); }, command_table);
  return highest;
}

bool may_be_applied(std::string_view command) {
  constexpr unsigned char may_be_left_out = 128;
  return command.empty() || row_of(command) != nullptr || static_cast<unsigned char>(command[0]) >= may_be_left_out;
}

} // namespace actord
