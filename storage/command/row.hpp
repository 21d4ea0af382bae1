// What is known of a replicated command by its kind alone. The rows stand in table.hpp, which knows the records as well.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace actord {

enum class command_kind : uint8_t; // commands.hpp

// Whether the leader may answer a command itself, so that it is not written (actors/session/leader_desk).
enum class leader_answers : uint8_t { never, when_a_key_is_delayed, always };

struct command_row {
  command_kind kind;
  std::string_view name;
  // Of the log: a server reads the commands of all levels up to its own, and none is written above that of the oldest one
  // (actors/raft/core/command_levels). Whoever adds a command after a release gives it the next one.
  unsigned level = 1;
  std::string_view proposed{}; // metric of its fronts, from the proposal until it is applied; "": none
  std::string_view applied{};  // metric of applying it; "": none
  std::span<const std::string_view> operations{}; // the values of that metric's label `op`; none: it has no label
  leader_answers answered = leader_answers::never;
};

// Null for bytes that are no command or one that this version does not know.
const command_row* row_of(std::string_view command);
std::span<const command_row* const> command_rows();

unsigned highest_command_level(); // that this version reads
// Whether this version may go on behind a command. A number that it does not know is of a newer one, without which the states would
// differ; but from 128 on, as Consul numbers it, what is not known may be left out.
bool may_be_applied(std::string_view command);

} // namespace actord
