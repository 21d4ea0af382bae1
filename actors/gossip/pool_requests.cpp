// The actor of a pool, what others ask for: joining, leaving, events, keys, tags, news.
#include "actors/gossip/pool_state.hpp"
#include "actors/members/core/address_text.hpp"
#include "actors/members/core/wire.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/secrets.hpp"
#include "runtime/net/stream_socket.hpp"
#include <algorithm>
#include <caf/send.hpp>

namespace actord::gossip {

namespace {

constexpr size_t most_addresses = 16; // that one name may resolve to
constexpr nanos meeting_patience = std::chrono::seconds(5); // of who leaves, with whom it is just asking
constexpr std::string_view leaves = "this agent is leaving the pool";

// "name/host:port", "host", "[::1]:8301", "::1" … as "host:port" that a resolver takes.
std::string with_port(std::string_view asked, uint16_t default_port) {
  if (const auto slash = asked.find('/'); slash != asked.npos) asked.remove_prefix(slash + 1);
  const bool bare_v6 = std::count(asked.begin(), asked.end(), ':') > 1 && asked.front() != '[';
  const auto colon = bare_v6 ? asked.npos : asked.rfind(':');
  const bool has_port = colon != asked.npos && asked.find(']', colon) == asked.npos;
  if (has_port) return std::string(asked);
  return (bare_v6 ? "[" + std::string(asked) + "]" : std::string(asked)) + ":" + std::to_string(default_port);
}

// As Go's multierror prints them.
std::string list_errors(const std::vector<std::string>& errors) {
  std::string out = std::to_string(errors.size()) + (errors.size() == 1 ? " error occurred:\n" : " errors occurred:\n");
  for (const auto& e : errors) out += "\t* " + e + "\n";
  return out + "\n";
}

} // namespace

// ---- joining -----------------------------------------------------------------------------------------------------

caf::result<pool_joined> pool_state::join(pool_join& j) {
  auto promise = self_->make_response_promise<pool_joined>();
  if (is_leaving()) {
    promise.deliver(pool_joined{0, error(errc::internal, std::string(leaves))});
    return promise;
  }
  const auto number = ++last_join_;
  auto& join = joins_[number];
  join.promise = promise;
  join.asked = std::move(j.addresses);
  join.failures.resize(join.asked.size());
  join.resolving = 1; // until all are looked at
  const auto asked = join.asked;
  for (size_t i = 0; i < asked.size(); ++i) {
    auto text = with_port(asked[i], setup_.default_port);
    if (members::parse_address(text)) {
      exchange_for_join(number, i, text);
      continue;
    }
    ++joins_.at(number).resolving;
    const auto weak = caf::actor_cast<caf::actor_addr>(caf::actor_cast<caf::strong_actor_ptr>(self_));
    net::resolve_in_background(text, [weak, number, i](result<std::vector<std::string>> found) {
      if (auto to = caf::actor_cast<caf::actor>(weak)) caf::anon_send(to, names_resolved{number, i, std::move(found)});
    });
  }
  --joins_.at(number).resolving;
  settle_join(number);
  perform();
  return promise;
}

void pool_state::resolved(names_resolved& r) {
  const auto it = joins_.find(r.join);
  if (it == joins_.end()) return;
  auto& join = it->second;
  --join.resolving;
  if (is_leaving()) {
    join.failures[r.which].push_back("Failed to join " + join.asked[r.which] + ": " + std::string(leaves));
  } else if (r.addresses) {
    if (r.addresses->size() > most_addresses) r.addresses->resize(most_addresses);
    for (const auto& address : *r.addresses) exchange_for_join(r.join, r.which, address);
  } else {
    const auto& asked = join.asked[r.which];
    join.failures[r.which].push_back(hide_secrets_of(asked, "Failed to resolve " + asked + ": " + r.addresses.err().text));
  }
  settle_join(r.join);
  perform();
}

void pool_state::exchange_for_join(uint64_t join, size_t which, const std::string& address) {
  // Members know one another by addresses without a zone, so a link-local one does not serve; Consul's pools leave it out, too.
  auto plain = address;
  if (const auto zone = plain.find('%'), close = plain.find(']'); zone < close && close != plain.npos) plain.erase(zone, close - zone);
  const auto to = members::parse_address(plain);
  if (!to) return joins_.at(join).failures[which].push_back("Failed to join " + address + ": not an address");
  ++joins_.at(join).exchanging;
  join_exchanges_[swim_->exchange(*to, true, now())] = {join, which};
}

// True when somebody waited for this exchange, who tells what went wrong.
bool pool_state::join_exchange_ended(const tell_push_pull& e) {
  if (!e.begun_here) return false;
  if (rejoining_ == e.id) {
    rejoining_.reset();
    if (e.error.empty()) {
      log::info(setup_.log_name + (setup_.wan ? ".serf.wan" : ".serf.lan"), "serf: Re-joined to previously known node: {}", members::address_text(e.with));
      to_rejoin_.clear();
      pool_->announce_join(now());
    } else {
      rejoin_next();
    }
    return true;
  }
  auto node = join_exchanges_.extract(e.id);
  if (!node) return false;
  const auto [number, which] = node.mapped();
  auto& join = joins_.at(number);
  --join.exchanging;
  if (e.error.empty()) {
    if (++join.reached == 1) pool_->announce_join(now());
  } else {
    join.failures[which].push_back("Failed to join " + members::ip_text(e.with.ip) + ": " + e.error);
  }
  settle_join(number);
  return true;
}

void pool_state::settle_join(uint64_t number) {
  const auto it = joins_.find(number);
  if (it == joins_.end() || it->second.resolving > 0 || it->second.exchanging > 0) return;
  auto join = std::move(it->second);
  joins_.erase(it);
  pool_joined done;
  done.reached = join.reached;
  std::vector<std::string> errors;
  for (auto& of_one : join.failures) errors.insert(errors.end(), of_one.begin(), of_one.end());
  if (done.reached == 0 && !errors.empty()) done.failure = error(errc::internal, list_errors(errors));
  join.promise.deliver(std::move(done));
}

// Members that the snapshot knows are tried one after the other until one answers.
void pool_state::rejoin_next() {
  if (to_rejoin_.empty() || rejoining_) return;
  const auto [who, at] = std::move(to_rejoin_.back());
  to_rejoin_.pop_back();
  log::info(setup_.log_name + (setup_.wan ? ".serf.wan" : ".serf.lan"), "serf: Attempting re-join to previously known node: {}: {}", who, members::address_text(at));
  rejoining_ = swim_->exchange(at, true, now());
}

// ---- leaving -----------------------------------------------------------------------------------------------------

caf::result<agent_done> pool_state::leave() {
  auto promise = self_->make_response_promise<agent_done>();
  if (pool_->members().now_in() == members::member_core::phase::left) {
    promise.deliver(agent_done{});
    return promise;
  }
  leaving_.push_back(promise);
  to_rejoin_.clear();
  if (leaving_.size() > 1) return promise;
  if (lines_) lines_->leave();
  write_kept(true);
  leave_by_ = now() + meeting_patience;
  leave_once_met();
  perform();
  return promise;
}

// Whom we are just asking to take us in may have done so, though we do not know of it yet: who leaves without a word to it counts there
// as failed. serf leaves at once.
void pool_state::leave_once_met() {
  const bool asks = rejoining_ || !join_exchanges_.empty();
  if (leave_by_ == nanos::max() || (asks && now() < leave_by_)) return;
  leave_by_ = nanos::max();
  (void)pool_->leave(now()); // refuses only what is under way
}

agent_done pool_state::force_leave(const pool_force_leave& f) {
  agent_done out;
  if (auto s = pool_->force_leave(now(), f.node, f.prune); !s) out.failure = s.err();
  perform();
  return out;
}

// ---- events, tags, news ------------------------------------------------------------------------------------------

agent_done pool_state::fire(pool_fire& f) {
  agent_done out;
  if (auto s = pool_->fire(std::move(f.name), std::move(f.payload), f.coalesce); !s) out.failure = s.err();
  perform();
  return out;
}

void pool_state::retag(pool_tags& t) {
  if (t.tags == setup_.tags) return;
  auto meta = members::encode_tags(t.tags);
  if (!meta) return note(true, "serf: cannot announce other tags: " + meta.err().text);
  setup_.tags = std::move(t.tags);
  (void)swim_->update_meta(std::move(*meta), now()); // its length was checked
  perform();
}

void pool_state::subscribe(pool_subscribe& s) {
  auto to = caf::actor_cast<caf::actor>(s.sink);
  if (!to) return;
  subscribers_.push_back(to.address());
  pool_news first;
  first.wan = setup_.wan;
  for (const auto& [who, m] : pool_->members().all()) {
    const auto as = m.status == members::member_status::failed ? members::member_change::failed
                    : m.status == members::member_status::left ? members::member_change::leave
                                                               : members::member_change::join;
    first.members.push_back({as, m});
  }
  std::sort(first.members.begin(), first.members.end(), [](const auto& l, const auto& r) { return l.who.name < r.who.name; });
  caf::anon_send(to, std::move(first));
}

// ---- keys --------------------------------------------------------------------------------------------------------

caf::result<pool_keys_done> pool_state::operate_keys(const pool_keys& k) {
  auto promise = self_->make_response_promise<pool_keys_done>();
  pool_keys_done done;
  if (k.local_only) {
    done.outcome.nodes = done.outcome.answers = 1;
    for (const auto& key : keys_.keys()) done.outcome.keys[key_text(key)] = 1;
    if (!keys_.empty()) done.outcome.primaries[key_text(keys_.primary())] = 1;
    promise.deliver(std::move(done));
    return promise;
  }
  auto number = pool_->operate_keys(now(), k.what, k.key, k.relay_factor);
  if (number) {
    key_queries_.emplace(*number, promise);
    perform();
  } else {
    done.outcome.error = number.err().text;
    promise.deliver(std::move(done));
  }
  return promise;
}

members::key_response pool_state::change_keys(const members::tell_key_request& e) {
  using operation = members::key_operation;
  members::key_response r;
  if (keys_.empty()) {
    r.why = e.operation == operation::list ? "Keyring is empty (encryption not enabled)" : "No keyring to modify (encryption not enabled)";
    return r;
  }
  if (e.operation == operation::list) {
    for (const auto& key : keys_.keys()) r.keys.push_back(key_text(key));
    r.primary = key_text(keys_.primary());
    r.ok = true;
    return r;
  }
  auto changed = keys_;
  const auto s = e.operation == operation::install ? changed.add(e.key) : e.operation == operation::use ? changed.use(e.key) : changed.remove(e.key);
  if (!s) {
    r.why = s.err().text;
    return r;
  }
  keys_ = std::move(changed);
  r.ok = true;
  return r;
}

} // namespace actord::gossip
