#include "actors/members/core/event_core.hpp"
#include <algorithm>

namespace actord::members {

namespace {

size_t weight(const recent_event& e) { return sizeof(e) + e.name.size() + e.payload.size(); }

error exceeds(std::string what, std::string which, size_t limit, std::string when) {
  return error(errc::internal, what + " exceeds " + which + " limit of " + std::to_string(limit) + " bytes " + when);
}

} // namespace

status event_core::fire(std::string name, std::string payload, bool coalesce) {
  const auto size = name.size() + payload.size();
  if (size > options_.size_limit) return exceeds("user event", "configured", options_.size_limit, "before encoding");
  if (size > event_limit) return exceeds("user event", "sane", event_limit, "before encoding");
  const user_event e{clock_.time(), std::move(name), std::move(payload), coalesce};
  auto bytes = encode(e);
  if (bytes.size() > options_.size_limit) return exceeds("encoded user event", "configured", options_.size_limit, "after encoding");
  if (bytes.size() > event_limit) return exceeds("encoded user event", "sane", event_limit, "after encoding");
  clock_.increment();
  take(e);
  out_.push_back(broadcast{lane::events, std::move(bytes)});
  return {};
}

bool event_core::take(const user_event& e) {
  if (!in_reach(clock_, e.time)) return false;
  clock_.witness(e.time);
  if (e.time < least_) return false;
  const auto now = clock_.time();
  if (now > ring_.size() && e.time < now - ring_.size()) return false;
  auto& slot = ring_[e.time % ring_.size()];
  if (slot.time != e.time) {
    for (const auto& old : slot.events) kept_ -= weight(old);
    slot = recent_events{e.time, {}};
  }
  recent_event kept{e.name, e.payload};
  if (std::find(slot.events.begin(), slot.events.end(), kept) != slot.events.end()) return false;
  if (slot.events.size() >= options_.events_per_time || kept_ + weight(kept) > options_.kept_bytes) return false;
  kept_ += weight(kept);
  slot.events.push_back(std::move(kept));
  last_told_ = std::max(last_told_, e.time);
  out_.push_back(tell_user_event{e});
  return true;
}

void event_core::restore(lamport_time last) {
  clock_.witness(last);
  last_told_ = std::max(last_told_, last);
  least_ = std::max(least_, last + 1);
}

void event_core::fill(pool_state& s) const {
  s.event_time = clock_.time();
  for (const auto& slot : ring_)
    if (!slot.events.empty()) s.events.push_back(slot);
}

void event_core::merge(const pool_state& s, bool ignore_old, bool asked) {
  if (!asked && !in_reach(clock_, s.event_time)) return;
  if (s.event_time > 0) clock_.witness(s.event_time - 1);
  if (ignore_old) least_ = std::max(least_, s.event_time);
  for (const auto& slot : s.events)
    for (const auto& e : slot.events) take(user_event{slot.time, e.name, e.payload, false});
}

} // namespace actord::members
