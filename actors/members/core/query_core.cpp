#include "actors/members/core/query_core.hpp"
#include "runtime/base/pattern.hpp"
#include <algorithm>
#include <cmath>

namespace actord::members {

namespace {

constexpr std::string_view internal_prefix = "_serf_";
constexpr size_t ids_per_time = 256;     // queries of one Lamport time that are told apart
constexpr size_t key_text_least = 25;    // the shortest that a listed key can be on the wire
constexpr size_t matcher_memory = 64 << 10; // which bounds what an expression is compiled to as well
constexpr size_t compiled_per_second = 2048; // of anybody's, by pattern::weight_of, and 16 for each: a packet brings dozens, and pings wait meanwhile
constexpr uint8_t relays_from = 5;       // ProtocolMax of members that relay

bool is_plain(std::string_view expression) { return expression.find_first_of("\\.+*?()|[]{}^$") == expression.npos; }

} // namespace

nanos query_core::default_timeout() const {
  const auto n = static_cast<double>(std::max<size_t>(1, members_.alive()));
  return options_.gossip_interval * options_.timeout_mult * static_cast<int64_t>(std::ceil(std::log10(n + 1)));
}

// ---- asking -----------------------------------------------------------------------------------------------------

result<uint64_t> query_core::ask(nanos now, query_request r) {
  if (asked_.size() >= options_.most_pending) return error(errc::rate_limited, "too many queries under way");
  const auto timeout = r.timeout > nanos{0} ? r.timeout : default_timeout();
  query q{.time = clock_.time(),
          .id = static_cast<uint32_t>(random_.below(uint64_t{1} << 31)),
          .at = options_.self,
          .source = members_.self(),
          .flags = r.want_ack ? query_wants_ack : 0U,
          .relay_factor = r.relay_factor,
          .timeout_ns = timeout.count(),
          .name = std::move(r.name),
          .payload = std::move(r.payload)};
  for (const auto& f : r.filters) q.filters.push_back(encode_filter(f));
  auto bytes = encode(q);
  if (bytes.size() > options_.query_limit)
    return error(errc::internal, "query exceeds limit of " + std::to_string(options_.query_limit) + " bytes");
  const auto number = ++numbered_;
  asked_.emplace(q.time, asked{number, q.id, now + timeout, 2 * members_.all().size() + 16, {}, {}});
  out_.push_back(broadcast{lane::queries, std::move(bytes)});
  clock_.witness(q.time);
  if (is_new(q) && matches(now, q)) deliver(now, q, true);
  return number;
}

void query_core::cancel(uint64_t number) {
  std::erase_if(asked_, [&](const auto& a) { return a.second.number == number; });
}

void query_core::take(const query_response& r) {
  const auto it = asked_.find(r.time);
  if (it == asked_.end() || it->second.id != r.id) return;
  auto& from = r.ack() ? it->second.acks : it->second.answers;
  if (from.size() >= it->second.most || !from.insert(r.from).second) return;
  out_.push_back(tell_query_answer{it->second.number, r.from, r.ack(), r.payload});
}

// ---- being asked ------------------------------------------------------------------------------------------------

// What cannot be looked at now matches nobody, as what is no expression does.
bool query_core::found_in(nanos now, const std::string& expression, const std::string& value) {
  if (is_plain(expression)) return value.find(expression) != value.npos;
  if (compiling_since_ < nanos{0} || now - compiling_since_ >= std::chrono::seconds(1)) compiling_since_ = now, compiled_ = 0;
  if ((compiled_ += pattern::weight_of(expression) + 16) > compiled_per_second) return false;
  const auto compiled = pattern::compile(expression, matcher_memory);
  return compiled && compiled->matches(value);
}

bool query_core::matches(nanos now, const query& q) {
  for (const auto& encoded : q.filters) {
    const auto f = decode_filter(encoded);
    if (!f) return false;
    if (const auto* n = std::get_if<node_filter>(&*f)) {
      if (std::find(n->names.begin(), n->names.end(), members_.self()) == n->names.end()) return false;
      continue;
    }
    const auto& t = std::get<tag_filter>(*f);
    const auto* us = members_.find(members_.self());
    const auto tag = us == nullptr ? tag_table::const_iterator{} : us->tags.find(t.tag);
    if (!found_in(now, t.expression, us == nullptr || tag == us->tags.end() ? std::string{} : tag->second)) return false;
  }
  return true;
}

bool query_core::take(nanos now, const query& q) {
  if (!in_reach(clock_, q.time)) return false;
  clock_.witness(q.time);
  if (!is_new(q)) return false;
  if (matches(now, q)) deliver(now, q, false);
  return (q.flags & query_not_spread) == 0;
}

// What was asked before we met the others is not for us: somebody may send it again, and an old order to change keys would cut us off.
// What others bring unasked may be as old.
void query_core::merge(const pool_state& s, bool wanted) {
  if (s.query_time > 0 && (wanted || in_reach(clock_, s.query_time))) clock_.witness(s.query_time - 1);
  if (wanted && !std::exchange(has_met_, true)) least_ = std::max(least_, s.query_time);
}

// Sealed packets can be sent again by who has no key. So orders about keys must come from a member of this very pool (the one of the
// WAN has the same keys), and none is followed that is older than one that was.
bool query_core::may_change_keys(const query& q) const {
  const auto& all = members_.all();
  return has_met_ && q.time >= keys_changed_ && std::any_of(all.begin(), all.end(), [&](const auto& m) { return m.second.at == q.at; });
}

bool query_core::is_new(const query& q) {
  if (q.time < least_) return false;
  const auto current = clock_.time();
  if (current > seen_.size() && q.time < current - seen_.size()) return false;
  auto& slot = seen_[q.time % seen_.size()];
  if (slot.time != q.time) slot = heard{q.time, {}};
  if (std::find(slot.ids.begin(), slot.ids.end(), q.id) != slot.ids.end()) return false;
  if (slot.ids.size() >= ids_per_time) return false;
  slot.ids.push_back(q.id);
  return true;
}

void query_core::deliver(nanos now, const query& q, bool is_ours) {
  last_told_ = std::max(last_told_, q.time);
  const auto timeout = std::clamp(nanos{q.timeout_ns}, nanos{0}, options_.longest);
  const pending p{q.time, q.id, q.at, q.source, q.relay_factor, now + timeout};
  if ((q.flags & query_wants_ack) != 0) {
    const query_response ack{q.time, q.id, members_.self(), answer_is_ack, {}};
    respond(p, ack, encode(ack));
  }
  auto wait_for_answer = [&]() -> uint64_t {
    if (pending_.size() >= options_.most_pending) return 0;
    pending_.emplace(++numbered_, p);
    return numbered_;
  };
  if (!q.name.starts_with(internal_prefix)) {
    if (const auto handle = wait_for_answer(); handle != 0)
      out_.push_back(tell_query{handle, q.name, q.payload, q.source, p.deadline});
    return;
  }
  const auto what = std::string_view(q.name).substr(internal_prefix.size());
  if (what == "conflict") {
    if (q.payload == members_.self()) return; // whoever has the name does not judge
    if (const auto handle = wait_for_answer(); handle != 0)
      (void)answer(now, handle, encode_conflict_response(members_.find(q.payload)));
    return;
  }
  constexpr std::pair<std::string_view, key_operation> operations[] = {
      {"list-keys", key_operation::list}, {"install-key", key_operation::install}, {"use-key", key_operation::use},
      {"remove-key", key_operation::remove}};
  for (const auto& [name, operation] : operations) {
    if (what != name) continue;
    if (operation != key_operation::list) {
      if (!is_ours && !may_change_keys(q)) return;
      keys_changed_ = std::max(keys_changed_, q.time);
    }
    auto key = decode_key_request(q.payload);
    if (!key && operation != key_operation::list) return;
    if (const auto handle = wait_for_answer(); handle != 0)
      out_.push_back(tell_key_request{handle, operation, key ? std::move(*key) : std::string{}});
  }
}

std::string query_core::encoded_answer(const pending& p, std::string_view payload) const {
  return encode(query_response{p.time, p.id, members_.self(), 0, std::string(payload)});
}

result<query_core::pending> query_core::open(nanos now, uint64_t handle) const {
  const auto it = pending_.find(handle);
  if (it == pending_.end()) return error(errc::internal, "response already sent");
  if (now > it->second.deadline) return error(errc::internal, "response is past the deadline");
  return it->second;
}

status query_core::answer(nanos now, uint64_t handle, std::string_view payload) {
  const auto p = open(now, handle);
  if (!p) return p.err();
  query_response r{p->time, p->id, members_.self(), 0, std::string(payload)};
  auto bytes = encode(r);
  if (bytes.size() > options_.response_limit)
    return error(errc::internal, "response exceeds limit of " + std::to_string(options_.response_limit) + " bytes");
  pending_.erase(handle);
  respond(*p, r, std::move(bytes));
  return {};
}

status query_core::answer_keys(nanos now, uint64_t handle, key_response r) {
  const auto p = open(now, handle);
  if (!p) return p.err();
  const auto all = r.keys.size();
  for (auto most = options_.response_limit / key_text_least;; --most) {
    const auto payload = encode_key_response(r);
    if (most == 0 || encoded_answer(*p, payload).size() <= options_.response_limit) return answer(now, handle, payload);
    if (r.keys.size() > most) r.keys.resize(most);
    r.why = "truncated key list response, showing first " + std::to_string(r.keys.size()) + " of " + std::to_string(all) + " keys";
  }
}

void query_core::respond(const pending& p, const query_response& r, std::string bytes) {
  if (p.source == members_.self() && p.to == options_.self) return take(r); // our own question
  relay_to_some(p, bytes);
  out_.push_back(send_direct{p.to, p.source, std::move(bytes)});
}

void query_core::relay_to_some(const pending& p, const std::string& bytes) {
  if (p.relay_factor == 0 || members_.all().size() < size_t{p.relay_factor} + 1) return;
  auto wrapped = encode(relay{p.to, "", p.source, bytes});
  if (wrapped.size() > options_.response_limit) return;
  std::vector<const member*> able;
  for (const auto& [name, m] : members_.all())
    if (m.status == member_status::alive && m.vsn[1] >= relays_from && name != members_.self()) able.push_back(&m);
  std::sort(able.begin(), able.end(), [](const auto* l, const auto* r) { return l->name < r->name; });
  for (size_t sent = 0; sent < p.relay_factor && sent < able.size(); ++sent) {
    std::swap(able[sent], able[sent + random_.below(able.size() - sent)]);
    out_.push_back(send_direct{able[sent]->at, able[sent]->name, wrapped});
  }
}

// Only answers to members are handed on: a relay is no way to make us send what one likes to whom one likes.
void query_core::take(const relay& r) {
  const auto* to = members_.find(r.node);
  if (to == nullptr || to->at != r.to || r.inner.front() != static_cast<char>(serf_tag::query_response)) {
    out_.push_back(write_log{false, "serf: a relay to nobody we know was dropped"});
    return;
  }
  out_.push_back(send_direct{r.to, r.node, r.inner});
}

// ---- time -------------------------------------------------------------------------------------------------------

void query_core::restore(lamport_time last) {
  clock_.witness(last);
  last_told_ = std::max(last_told_, last);
  least_ = std::max(least_, last + 1);
}

void query_core::tick(nanos now) {
  std::erase_if(pending_, [&](const auto& p) { return now > p.second.deadline; });
  for (auto it = asked_.begin(); it != asked_.end();) {
    if (now < it->second.deadline) {
      ++it;
      continue;
    }
    out_.push_back(tell_query_done{it->second.number, it->second.acks.size(), it->second.answers.size()});
    it = asked_.erase(it);
  }
}

nanos query_core::wake_at() const {
  nanos at = nanos::max();
  for (const auto& [time, a] : asked_) at = std::min(at, a.deadline);
  return at;
}

} // namespace actord::members
