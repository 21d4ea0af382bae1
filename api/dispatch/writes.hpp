// Commands on their way through Raft, of one loop: gathered while the loop's iteration lasts, sent as one message, answered by number.
#pragma once
#include "actors/interfaces/router.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/write_sample.hpp"
#include "runtime/net/loop_actor.hpp"
#include "storage/command/apply_result.hpp"
#include <chrono>
#include <deque>
#include <functional>
#include <unordered_map>

namespace actord::dispatch {

// `Waiter` is what a front keeps of who asked. `done(Waiter&, const apply_result&)` is called once for each, in the loop's thread, whatever came
// of it; a failure is in the result.
template <class Waiter> class writes {
public:
  using clock = std::chrono::steady_clock;
  using done_fn = std::function<void(Waiter&, const apply_result&)>;
  // Nothing is heard of a write for this long beyond the wait for a leader, which Raft keeps: then its outcome is unknown.
  static constexpr std::chrono::seconds patience{10};

  writes(const net::loop_actor_ptr& self, router_handle router, nanos hold_timeout, bool measured, done_fn done)
      : self_(self), router_(std::move(router)), longest_(hold_timeout + patience), measured_(measured), done_(std::move(done)) {}

  void propose(std::string command, Waiter who) {
    const auto id = next_++;
    waiting_.emplace(id, pending{std::move(who), measured_ ? write_sample(command) : nullptr, clock::now()});
    order_.push_back(id);
    gathered_.push_back({id, std::move(command)});
  }
  bool empty() const { return waiting_.empty(); }

  // At the end of an iteration.
  void send() {
    if (gathered_.empty()) return;
    proposals m;
    m.batch.swap(gathered_);
    m.reply_to = self_.address();
    self_->send(router_, std::move(m));
  }

  void applied(const proposals_done& m) {
    const auto now = clock::now();
    for (auto& one : m.outcomes) {
      auto node = waiting_.extract(one.id);
      if (node.empty()) continue; // it had timed out
      auto& w = node.mapped();
      if (w.took) w.took->record(std::chrono::duration<double, std::milli>(now - w.began).count());
      done_(w.who, one.result);
    }
  }

  // Once a second while there are any.
  void expire() {
    const auto before = clock::now() - longest_;
    apply_result late;
    late.failure = {errc::unknown_outcome, "timed out waiting for the write to be applied"};
    while (!order_.empty()) {
      auto it = waiting_.find(order_.front());
      if (it != waiting_.end() && it->second.began > before) return;
      order_.pop_front();
      if (it == waiting_.end()) continue;
      auto who = std::move(it->second.who);
      waiting_.erase(it);
      done_(who, late);
    }
  }
  void clear() { waiting_.clear(), order_.clear(), gathered_.clear(); }

private:
  struct pending {
    Waiter who;
    telemetry::series* took; // ms; of the command's kind, null when it has none
    clock::time_point began;
  };
  const net::loop_actor_ptr& self_;
  router_handle router_;
  const std::chrono::steady_clock::duration longest_;
  const bool measured_;
  done_fn done_;
  std::unordered_map<uint64_t, pending> waiting_;
  std::deque<uint64_t> order_; // of asking
  std::vector<proposal> gathered_;
  uint64_t next_ = 1;
};

} // namespace actord::dispatch
