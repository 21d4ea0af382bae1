// Turns for handlers of a loop that have more to do than one of its iterations has room for: whoever has used up his turn asks for
// another. All who wait are served once per iteration (or as often as they ask, see below), and for no longer than `budget` together (one
// always), so that however many ask, who has an event waits no longer for them than that. Sources (a client's household, say) are served in
// turn, each in the order of asking: who has very many connections that ask holds up himself. In the loop's thread.
//
// Sources fall into 256 lines by their hash: two may share one.
#pragma once
#include "runtime/net/io_loop.hpp"
#include <array>

namespace actord::net {

class turn_taker {
public:
  explicit turn_taker(uint64_t source = 0) : source_(source) {} // a hash that nobody can choose, as text_hash makes it
  virtual ~turn_taker() = default;
  virtual void on_turn() = 0; // it may withdraw itself and others, and ask again
  bool waits_for_turn() const { return asked_ != 0; }
  uint64_t source() const { return source_; }

private:
  friend class turn_queue;
  uint64_t source_;
  turn_taker *before_ = nullptr, *behind_ = nullptr; // in its line
  uint64_t asked_ = 0; // as which; 0: it does not wait
};

class turn_queue {
public:
  static constexpr nanos budget = std::chrono::microseconds(250);
  // With `as_often` whoever asks from on_turn() is served again in the same iteration, behind the others, while the budget lasts: for many
  // small calls over few connections, whose answers then leave together. The queue outlives the loop's run().
  explicit turn_queue(io_loop& loop, bool as_often = false) : loop_(loop), as_often_(as_often) {}
  // on_turn() is called in a later iteration. Asking twice is asking once. Whoever dies withdraws before.
  void again(turn_taker* t);
  void withdraw(turn_taker* t);

private:
  static constexpr size_t line_count = 256;
  struct line {
    turn_taker *first = nullptr, *last = nullptr;
  };
  static size_t line_of(const turn_taker& t) { return t.source_ >> 56; }
  turn_taker* next(uint64_t asked_before);
  void call_in_next_iteration();
  void serve();

  io_loop& loop_;
  const bool as_often_;
  std::array<line, line_count> lines_{};
  std::array<uint64_t, line_count / 64> waiting_{}; // a bit per line that is not empty
  size_t turn_ = 0;     // the line after the one that was served last
  uint64_t asked_ = 0;  // so often something was asked
  bool called_ = false;
};

} // namespace actord::net
