// How much of what a loop's clients write is under way at once, from here to the state: what a disk does in some hundredths of a second. What is
// beyond waits here, in a line per household (storage/state/fair_lines), so that a short write does not stand behind all the megabytes that
// another client sends. A larger write goes alone. Not thread-safe.
#pragma once
#include "actors/messages/messages.hpp"
#include "storage/state/fair_lines.hpp"
#include <optional>
#include <unordered_map>
#include <utility>

namespace actord {

class write_turns {
public:
  static constexpr size_t most = 1 << 20;         // bytes under way, and what one write has beyond
  static constexpr size_t short_write = 16 << 10; // bytes
  static constexpr size_t reserve = 1 << 20;      // beyond `most`, for short writes of households that have none waiting

  // Whether a write of so many bytes goes now; say ended() when it has its outcome. `household()`: its hash, asked for where much is under way.
  template <class Household> bool begin(size_t bytes, Household&& household) {
    if (under_way_ >= most || lines_.size() != 0) {
      if (bytes > short_write || under_way_ >= most + reserve || in_line_.contains(household())) return false;
    }
    under_way_ += bytes;
    return true;
  }
  void wait(uint64_t household, uint64_t id, std::string command) {
    lines_.put(household, per_byte * command.size(), id);
    ++in_line_[household];
    waiting_.emplace(id, std::move(command));
  }
  void ended(size_t bytes) { under_way_ -= bytes; }

  // One that waited and goes now, if there is room.
  std::optional<proposal> next() {
    while (under_way_ < most && lines_.size() != 0) {
      const auto turn = lines_.take(true);
      lines_.took(turn->source, turn->charged, turn->charged);
      if (const auto of = in_line_.find(turn->source); --of->second == 0) in_line_.erase(of);
      auto node = waiting_.extract(turn->job);
      if (node.empty()) continue; // it was dropped
      under_way_ += node.mapped().size();
      return proposal{turn->job, std::move(node.mapped())};
    }
    return std::nullopt;
  }

  // It waits no more, and is not written. False: it is under way, or was never here.
  bool drop(uint64_t id) { return waiting_.erase(id) > 0; }
  template <class Unwanted> void drop_if(Unwanted&& unwanted) {
    std::erase_if(waiting_, [&](const auto& w) { return unwanted(w.first); });
  }
  void clear() { *this = {}; }

  size_t under_way() const { return under_way_; }
  size_t waiting() const { return waiting_.size(); }

private:
  static constexpr nanos per_byte{500}; // what the lines go by: no write counts as less than 2 KB, and one of 40 KB is much
  size_t under_way_ = 0;                // bytes
  fair_lines<uint64_t> lines_;
  std::unordered_map<uint64_t, uint32_t> in_line_;    // by household, dropped ones too
  std::unordered_map<uint64_t, std::string> waiting_; // commands, by number
};

} // namespace actord
