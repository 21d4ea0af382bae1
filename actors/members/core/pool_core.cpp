#include "actors/members/core/pool_core.hpp"
#include <algorithm>

namespace actord::members {

namespace {

constexpr std::string_view key_queries[] = {"_serf_list-keys", "_serf_install-key", "_serf_use-key", "_serf_remove-key"};

} // namespace

pool_core::pool_core(pool_options o, prng random)
    : options_(std::move(o)), random_(random), members_(options_.members, member_clock_, random_, out_),
      events_(options_.events, event_clock_, out_), queries_(options_.queries, query_clock_, members_, random_, out_) {}

void pool_core::restore(const clock_times& last) {
  member_clock_.witness(last.member);
  events_.restore(last.event);
  queries_.restore(last.query);
}

void pool_core::conflict(nanos now, const gossip::node_report& known, const gossip::node_report& claimant) {
  if (known.name != members_.self()) {
    out_.push_back(write_log{true, "serf: Name conflict for '" + known.name + "'"});
    return;
  }
  out_.push_back(write_log{true, "serf: Node name conflicts with another node (port " + std::to_string(claimant.at.port) +
                                     "). Names must be unique!"});
  const bool voting = std::any_of(tallies_.begin(), tallies_.end(), [](const auto& t) { return std::holds_alternative<vote>(t.second); });
  if (!options_.resolve_name_conflicts || voting) return;
  if (auto number = queries_.ask(now, {.name = "_serf_conflict", .payload = members_.self()}))
    tallies_.emplace(*number, vote{known.at});
}

void pool_core::deliver(nanos now, std::string_view body, bool from_member) {
  const auto m = decode(body);
  if (!m) {
    out_.push_back(write_log{false, m.err().text});
    return;
  }
  if (const auto* x = std::get_if<leave_intent>(&*m)) {
    const auto how = from_member && !x->prune ? member_core::heard::by_word : member_core::heard::by_doubtful_word;
    if (members_.take(now, *x, how)) out_.push_back(broadcast{lane::intents, std::string(body)});
  } else if (const auto* j = std::get_if<join_intent>(&*m)) {
    if (members_.take(now, *j)) out_.push_back(broadcast{lane::intents, std::string(body)});
  } else if (const auto* e = std::get_if<user_event>(&*m)) {
    if (events_.take(*e)) out_.push_back(broadcast{lane::events, std::string(body)});
  } else if (const auto* q = std::get_if<query>(&*m)) {
    if (queries_.take(now, *q)) out_.push_back(broadcast{lane::queries, std::string(body)});
  } else if (const auto* r = std::get_if<query_response>(&*m)) {
    queries_.take(*r);
  } else {
    queries_.take(std::get<relay>(*m));
  }
}

std::string pool_core::state() const {
  pool_state s;
  members_.fill(s);
  events_.fill(s);
  queries_.fill(s);
  return encode_state(s);
}

void pool_core::merge(nanos now, std::string_view user_state, bool join, bool asked) {
  if (user_state.empty()) return;
  const auto s = decode_state(user_state);
  if (!s) {
    out_.push_back(write_log{true, s.err().text});
    return;
  }
  members_.merge(now, *s, asked);
  events_.merge(*s, join && options_.ignore_old_on_join, asked);
  queries_.merge(*s, asked);
}

result<uint64_t> pool_core::operate_keys(nanos now, key_operation what, std::string_view key, uint8_t relay_factor) {
  key_outcome t;
  t.nodes = members_.alive();
  auto number = queries_.ask(now, {.name = std::string(key_queries[static_cast<size_t>(what)]),
                                   .payload = encode_key_request(key),
                                   .relay_factor = relay_factor});
  if (number) tallies_.emplace(*number, std::move(t));
  return number;
}

void pool_core::count_keys(uint64_t query, key_outcome& t, const tell_query_answer& a) {
  ++t.answers;
  if (auto r = decode_key_response(a.payload); !r) {
    ++t.failures;
    t.messages[a.from] = "Failed to decode key query response";
  } else {
    if (!r->ok) ++t.failures;
    if (!r->ok || !r->why.empty()) t.messages[a.from] = r->why;
    for (const auto& key : r->keys) ++t.keys[key];
    if (r->ok && !r->primary.empty()) ++t.primaries[r->primary];
  }
  if (t.answers != t.nodes) return;
  queries_.cancel(query); // all have answered
  finish(query);
}

bool pool_core::count(const tell_query_answer& a) {
  const auto it = tallies_.find(a.query);
  if (it == tallies_.end()) return false;
  if (a.ack) return true;
  if (auto* keys = std::get_if<key_outcome>(&it->second)) {
    count_keys(a.query, *keys, a);
    return true;
  }
  auto& v = std::get<vote>(it->second);
  if (const auto who = decode_conflict_response(a.payload)) {
    ++v.answers;
    if (*who && (*who)->at == v.ours) ++v.matching;
  }
  return true;
}

bool pool_core::finish(uint64_t query) {
  auto node = tallies_.extract(query);
  if (!node) return false;
  if (auto* keys = std::get_if<key_outcome>(&node.mapped())) {
    const auto of = "/" + std::to_string(keys->nodes) + " nodes reported ";
    if (keys->failures != 0) keys->error = std::to_string(keys->failures) + of + "failure";
    else if (keys->answers != keys->nodes) keys->error = std::to_string(keys->answers) + of + "success";
    out_.push_back(tell_key_outcome{query, std::move(*keys)});
  } else if (const auto& v = std::get<vote>(node.mapped()); v.matching < v.answers / 2 + 1) {
    out_.push_back(tell_name_lost{v.matching, v.answers});
  }
  return true;
}

void pool_core::tick(nanos now) {
  members_.tick(now);
  queries_.tick(now);
}

nanos pool_core::wake_at() const { return std::min(members_.wake_at(), queries_.wake_at()); }

outbox pool_core::drain() {
  outbox done;
  while (!out_.empty()) { // counting answers adds effects
    for (auto& e : std::exchange(out_, {})) {
      if (const auto* a = std::get_if<tell_query_answer>(&e); a != nullptr && count(*a)) continue;
      if (const auto* d = std::get_if<tell_query_done>(&e); d != nullptr && finish(d->query)) continue;
      done.push_back(std::move(e));
    }
  }
  return done;
}

} // namespace actord::members
