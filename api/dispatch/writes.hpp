// Changes on their way, of one loop: on a server commands on their way through Raft, gathered while the loop's iteration lasts, sent as one message,
// answered by number; on a client agent calls to servers, a bounded number at a time. Where many bytes are under way, the next ones wait for their
// turn (write_turns).
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/messages/messages.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "actors/messages/write_sample.hpp"
#include "actors/messages/write_turns.hpp"
#include "api/endpoints/endpoint.hpp"
#include "runtime/config/loader.hpp"
#include "runtime/net/loop_actor.hpp"
#include "storage/command/apply_result.hpp"
#include <chrono>
#include <deque>
#include <functional>
#include <unordered_map>

namespace actord::dispatch {

inline endpoints::draft draft_of(const node_config& config) {
  return {endpoints::everything_allowed(), config.datacenter, config.session_ttl_min, fresh_uuid};
}

// Where changes go.
struct write_route {
  router_handle router; // of a server: they are commands
  rpc_handle servers;   // of a client agent: they are the arguments of calls
};

// `Waiter` is what a front keeps of who asked. `done(Waiter&, const apply_result&)` is called once for each, in the loop's thread, whatever came
// of it; a failure is in the result, and a server's reply is its body. What waits for its turn when `wanted(Waiter&)` is false is neither written nor told.
template <class Waiter> class writes {
public:
  using clock = std::chrono::steady_clock;
  using done_fn = std::function<void(Waiter&, const apply_result&)>;
  using wanted_fn = std::function<bool(Waiter&)>;
  // Nothing is heard of a write for this long beyond the wait for a leader, which Raft keeps: then its outcome is unknown.
  static constexpr std::chrono::seconds patience{10};
  static constexpr size_t most_calls = 128; // under way at a time

  writes(const net::loop_actor_ptr& self, write_route to, nanos hold_timeout, done_fn done, wanted_fn wanted)
      : self_(self), to_(std::move(to)), longest_(hold_timeout + patience), done_(std::move(done)), wanted_(std::move(wanted)) {}

  // `household()`: a hash of the client's; asked for where writes wait for their turn.
  // `method`: of the call that a client agent makes; static.
  template <class Household> void propose(std::string command, Waiter who, Household&& household, std::string_view method = {}) {
    const auto id = next_++;
    const bool goes = turns_.begin(command.size(), household);
    waiting_.emplace(id, pending{std::move(who), to_.servers ? nullptr : write_sample(command), clock::now(), goes ? command.size() : 0, method});
    order_.push_back(id);
    if (goes) gathered_.push_back({id, std::move(command)});
    else turns_.wait(household(), id, std::move(command));
  }
  bool empty() const { return waiting_.empty(); }

  // At the end of an iteration.
  void send() {
    if (gathered_.empty()) return;
    if (to_.servers) return call_servers();
    proposals m;
    m.batch.swap(gathered_);
    m.reply_to = self_.address();
    self_->send(to_.router, std::move(m));
  }

  void applied(const proposals_done& m) {
    const auto now = clock::now();
    for (auto& one : m.outcomes) {
      auto node = waiting_.extract(one.id);
      if (node.empty()) continue; // it had timed out
      auto& w = node.mapped();
      turns_.ended(w.under_way);
      if (w.took) w.took->record(std::chrono::duration<double, std::milli>(now - w.began).count());
      done_(w.who, one.result);
    }
    give_turns();
  }

  // Once a second while there are any.
  void expire() {
    drop_unwanted();
    const auto before = clock::now() - longest_;
    apply_result late, never_sent;
    late.failure = {errc::unknown_outcome, "timed out waiting for the write to be applied"};
    never_sent.failure = {errc::internal, "timed out enqueuing operation"};
    while (!order_.empty()) {
      auto it = waiting_.find(order_.front());
      if (it != waiting_.end() && it->second.began > before) break;
      order_.pop_front();
      if (it == waiting_.end()) continue;
      auto gone = std::move(it->second);
      const bool waited = turns_.drop(it->first);
      waiting_.erase(it);
      turns_.ended(gone.under_way);
      done_(gone.who, waited ? never_sent : late);
    }
    give_turns();
  }
  void clear() { waiting_.clear(), order_.clear(), gathered_.clear(), turns_.clear(); }

private:
  struct pending {
    Waiter who;
    telemetry::series* took; // ms; of the command's kind, null when it has none
    clock::time_point began;
    size_t under_way; // bytes; 0: it waits for its turn
    std::string_view method;
  };

  void call_servers() {
    size_t made = 0;
    for (; made < gathered_.size() && calls_ < most_calls; ++made) {
      auto& next = gathered_[made];
      const auto it = waiting_.find(next.id);
      if (it == waiting_.end()) continue; // it had timed out
      ++calls_;
      self_->request(to_.servers, caf::infinite, rpc_call{std::string(it->second.method), std::move(next.command), nanos(0), false})
          .then([this, id = next.id](rpc_answer& a) { called(id, a); },
                [this, id = next.id](const caf::error&) {
                  rpc_answer gone{{errc::internal, "agent is stopping"}, {}};
                  called(id, gone);
                });
    }
    gathered_.erase(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(made));
  }
  void called(uint64_t id, rpc_answer& a) {
    --calls_;
    proposals_done m;
    auto& one = m.outcomes.emplace_back();
    one.id = id;
    one.result.failure = std::move(a.failure);
    one.result.body = std::move(a.body);
    applied(m);
  }

  void give_turns() {
    while (auto p = turns_.next()) {
      waiting_.find(p->id)->second.under_way = p->command.size();
      gathered_.push_back(std::move(*p));
    }
  }
  void drop_unwanted() {
    turns_.drop_if([this](uint64_t id) {
      auto it = waiting_.find(id);
      if (wanted_(it->second.who)) return false;
      waiting_.erase(it);
      return true;
    });
  }

  const net::loop_actor_ptr& self_;
  const write_route to_;
  const std::chrono::steady_clock::duration longest_;
  done_fn done_;
  wanted_fn wanted_;
  write_turns turns_;
  std::unordered_map<uint64_t, pending> waiting_;
  std::deque<uint64_t> order_; // of asking
  std::vector<proposal> gathered_;
  uint64_t next_ = 1;
  size_t calls_ = 0;
};

} // namespace actord::dispatch
