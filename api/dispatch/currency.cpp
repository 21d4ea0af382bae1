#include "api/dispatch/currency.hpp"
#include "actors/messages/messages.hpp"
#include <algorithm>
#include <chrono>

namespace actord::dispatch {

freshness freshness_of(const rpc::read_options& o) {
  return {.stale = o.allow_stale, .consistent = o.require_consistent, .max_stale = o.max_stale_duration, .at_least = 0};
}

int64_t steady_nanos() { return std::chrono::duration_cast<nanos>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

nanos silence(const node_status& s, int64_t now) {
  const auto heard = s.leader_heard.load(std::memory_order_relaxed);
  return nanos(heard == 0 ? 0 : std::max<int64_t>(0, now - heard));
}

bool is_current(const node_status& s, const freshness& f, int64_t now) {
  if (f.at_least > s.applied.load(std::memory_order_acquire)) return false;
  if (f.at_least > 0 && !f.stale && !f.consistent) return true;
  if (f.stale && !s.catching_up.load(std::memory_order_relaxed)) {
    const bool once_heard = s.leader.load(std::memory_order_relaxed) || s.leader_heard.load(std::memory_order_relaxed) != 0;
    if (once_heard && (f.max_stale.count() == 0 || silence(s, now) <= f.max_stale)) return true;
  }
  return s.sees_everything(now, f.consistent);
}

rpc::reply_meta meta_of(const node_status& s, bool stale, int64_t now) {
  rpc::reply_meta m;
  const bool leads = s.leader.load(std::memory_order_relaxed);
  m.known_leader = leads || s.known_leader.load(std::memory_order_relaxed);
  if (stale && !leads) m.last_contact = std::chrono::duration_cast<std::chrono::milliseconds>(silence(s, now));
  return m;
}

uint64_t waiting_reads::add(const freshness& f, then_fn then) {
  const auto id = next_++;
  reads_.emplace(id, std::move(then));
  self_->send(router_, read_wanted{id, f.consistent, f.at_least, self_.address()});
  return id;
}

void waiting_reads::allowed(const reads_allowed& m) {
  for (auto id : m.ids) {
    auto node = reads_.extract(id);
    if (!node.empty()) node.mapped()(m.failure); // else it was dropped
  }
}

} // namespace actord::dispatch
