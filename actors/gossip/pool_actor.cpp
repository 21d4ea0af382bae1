#include "actors/gossip/datagram_socket.hpp"
#include "actors/gossip/pool_state.hpp"
#include "actors/gossip/stream_broker.hpp"
#include "actors/members/core/address_text.hpp"
#include "actors/members/core/wire.hpp"
#include "runtime/base/log.hpp"
#include "runtime/net/stream_socket.hpp"
#include "runtime/telemetry/metrics.hpp"
#include <atomic>
#include <algorithm>
#include <arpa/inet.h>
#include <caf/send.hpp>
#include <charconv>
#include <unistd.h>

namespace actord::gossip {

namespace {

constexpr nanos publish_interval = std::chrono::milliseconds(100); // the board, when much changes,
constexpr nanos publish_per_member = std::chrono::microseconds(10);   // or so much per member
constexpr nanos moves_interval = std::chrono::seconds(2);          // the board, when only coordinates do
constexpr nanos timer_grain = std::chrono::milliseconds(1);
constexpr size_t most_log_lines = 200; // per interval: others can make us write them

std::string ip_bytes(const std::string& text) {
  unsigned char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return {reinterpret_cast<const char*>(bytes), 4};
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return {reinterpret_cast<const char*>(bytes), 16};
  return {};
}

// Both on one port; a free one is looked for a few times, as only one of the two may be free.
result<pool_io> open_port(const std::string& ip, uint16_t port) {
  for (int attempt = 0;; ++attempt) {
    auto listener = net::listen_on(ip, port);
    if (!listener) return listener.err();
    auto packets = datagram_socket::open(ip, net::port_of(*listener));
    if (packets)
      return pool_io{std::move(*packets), *listener, [ip](caf::actor_system& system, caf::strong_actor_ptr pool, std::shared_ptr<stream_backlog> waiting) {
                       return spawn_stream_broker(system, ip, std::move(pool), std::move(waiting));
                     }};
    ::close(*listener);
    if (port != 0 || attempt == 10) return packets.err();
  }
}

pool_inside::behavior_type pool_behavior(pool_state::pointer self, const std::shared_ptr<pool_parts>& parts) {
  auto* s = &self->state;
  s->begin(std::move(*parts));
  return {
      [s](pool_join& j) { return s->join(j); },
      [s](pool_leave) { return s->leave(); },
      [s](const pool_force_leave& f) { return s->force_leave(f); },
      [s](pool_fire& f) { return s->fire(f); },
      [s](const pool_keys& k) { return s->operate_keys(k); },
      [s](pool_tags& t) { s->retag(t); },
      [s](pool_subscribe& m) { s->subscribe(m); },
      [s](packets_arrived& m) { s->arrived(m); },
      [s](names_resolved& r) { s->resolved(r); },
      [s](pool_ticked t) { s->ticked(t); },
      [s](const stream_accepted& a) { s->accepted(a); },
      [s](stream_bytes& b) { s->received(b); },
      [s](const stream_ended& e) { s->ended(e); },
      [s](const disk_done& d) { s->written(d); },
  };
}

result<keyring> open_keyring(const pool_setup& s) {
  if (!s.keyring_path.empty()) {
    auto there = read_keyring(s.keyring_path);
    if (!there) return there.err();
    if (*there) {
      const auto& kept = (*there)->keys();
      for (const auto& key : s.keys)
        if (std::find(kept.begin(), kept.end(), key) == kept.end())
          log::warn("agent", "keyring doesn't include key provided with -encrypt, using keyring: keyring={}", s.wan ? "WAN" : "LAN");
      return std::move(**there);
    }
  }
  keyring k;
  for (const auto& key : s.keys)
    if (auto added = k.add(key); !added) return added.err();
  if (!k.empty() && !s.keyring_path.empty())
    if (auto written = write_keyring(s.keyring_path, keyring_file(k, false)); !written) return written.err();
  return k;
}

} // namespace

bool network::holds(std::string_view address) const {
  if (address.size() != ip.size()) return false;
  const size_t whole = static_cast<size_t>(bits) / 8;
  if (address.substr(0, whole) != std::string_view(ip).substr(0, whole)) return false;
  if (bits % 8 == 0) return true;
  const int mask = 0xff << (8 - bits % 8);
  return ((address[whole] ^ ip[whole]) & mask & 0xff) == 0;
}

std::optional<network> parse_network(std::string_view cidr) {
  const auto slash = cidr.find('/');
  if (slash == cidr.npos) return {};
  network n{ip_bytes(std::string(cidr.substr(0, slash))), 0};
  const auto digits = cidr.substr(slash + 1);
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), n.bits);
  if (n.ip.empty() || bad != std::errc() || end != digits.data() + digits.size() || n.bits < 0 || static_cast<size_t>(n.bits) > 8 * n.ip.size()) return {};
  return n;
}

// ---- beginning and end -------------------------------------------------------------------------------------------

void pool_state::begin(pool_parts&& p) {
  setup_ = std::move(p.setup);
  packets_ = std::move(p.io.packets);
  keys_ = std::move(p.keys);
  ciphers_ = std::move(p.ciphers);
  lines_ = std::move(p.lines);
  networks_ = std::move(p.networks);
  seal_.emplace(keys_, *ciphers_, setup_.verify_incoming, setup_.verify_outgoing);
  prng random(setup_.seed);
  members::pool_options o;
  o.members.self = setup_.name;
  o.members.reconnect_timeout = setup_.reconnect_timeout;
  o.members.leave_propagate_delay = setup_.leave_propagate_delay;
  o.queries.self = p.self;
  o.queries.gossip_interval = setup_.knobs.gossip_interval;
  pool_ = std::make_unique<members::pool_core>(o, prng(random()));
  places_ = std::make_unique<coordinate::vivaldi>(prng(random()));
  if (lines_) {
    pool_->restore(lines_->contents().clocks);
    for (const auto& [who, at] : lines_->contents().alive)
      if (auto known = members::parse_address(at); known && who != setup_.name) to_rejoin_.emplace_back(who, *known);
    for (size_t i = to_rejoin_.size(); i > 1; --i) std::swap(to_rejoin_[i - 1], to_rejoin_[random.below(i)]);
  }
  identity us{setup_.name, p.self, *members::encode_tags(setup_.tags), {1, 5, 2, 2, 5, setup_.delegate_protocol}};
  swim_ = std::make_unique<swim_core>(setup_.knobs, std::move(us), make_vetoes(), prng(random()), now());
  swim_->set_packet_overhead(seal_->seals() ? sealing::overhead : 0);
  set_own_coordinate();
  const auto here = caf::actor_cast<caf::strong_actor_ptr>(self_);
  broker_ = p.io.broker(self_->system(), here, stream_bytes_waiting_);
  self_->link_to(broker_);
  // Whoever sends a request and does not want its answer says so with an error, by which CAF would end us.
  self_->set_error_handler([](caf::error&) {});
  const auto weak = caf::actor_cast<caf::actor_addr>(here);
  if (!p.disk_has_thread) disk_here_ = std::move(p.disk);
  else if (p.disk) disk_ = spawn_pool_disk(self_->system(), std::move(p.disk), weak);
  const auto streams = broker_.address();
  // More would be descriptors without end, and CAF's multiplexer, which Raft's connections share, looks at no socket before the broker has taken all.
  constexpr size_t most_untaken = 32;
  const auto untaken = std::make_shared<std::atomic<size_t>>(0);
  try {
    packets_->start(
        [weak](std::vector<datagram> batch) {
          if (auto to = caf::actor_cast<caf::actor>(weak)) caf::anon_send(to, packets_arrived{std::move(batch)});
        },
        p.io.listener,
        {[streams, untaken](int fd) {
           ++*untaken;
           auto socket = hand_over(fd, [untaken] { --*untaken; }); // closed when nobody takes it
           if (auto to = caf::actor_cast<caf::actor>(streams)) caf::anon_send(to, stream_taken{std::move(socket)});
         },
         [untaken] { return *untaken < most_untaken; }});
  } catch (const std::system_error& e) {
    log::err("agent.gossip", "no thread for receiving packets: error=\"{}\". Look at ulimit -u and ulimit -v", e.what());
    self_->quit(caf::exit_reason::unhandled_exception); // and the node with it
  }
  pool_->tick(now());
  perform();
  publish(now());
  rejoin_next();
  perform();
}

pool_state::~pool_state() {
  packets_.reset(); // its thread must not outlive what it hands to
  end_disk();
}

// Beside what is objected to the claim by itself: two who are alive have no id in common. So packets of another pool with our
// keys, where servers have other names, bring nobody in when somebody sends them again.
std::optional<std::string> pool_state::refuses(const alive& a) const {
  const auto tags = members::decode_tags(a.meta);
  if (auto why = setup_.veto({members::claim{a.node, &tags, false}})) return why;
  const auto id = tags.find("id");
  if (id == tags.end() || id->second.empty()) return {};
  const auto other = by_id_.find(id->second);
  if (other == by_id_.end() || other->second == a.node) return {};
  return "Member '" + a.node + "' has conflicting node ID '" + id->second + "' with member '" + other->second + "'";
}

vetoes pool_state::make_vetoes() {
  vetoes v;
  const bool asks = static_cast<bool>(setup_.veto);
  if (asks || !networks_.empty())
    v.of_alive = [this](const alive& a) -> std::optional<std::string> {
      if (!networks_.empty() && std::none_of(networks_.begin(), networks_.end(), [&](const network& n) { return n.holds(a.at.ip); }))
        return members::ip_text(a.at.ip) + " is not allowed";
      return setup_.veto ? refuses(a) : std::nullopt;
    };
  if (asks)
    v.of_join = [this](const std::vector<node_report>& all) -> std::optional<std::string> {
      std::vector<members::tag_table> tags;
      std::vector<members::claim> claims;
      tags.reserve(all.size());
      for (const auto& r : all) {
        tags.push_back(members::decode_tags(r.meta));
        claims.push_back({r.name, &tags.back(), r.state == node_state::left});
      }
      return setup_.veto(claims);
    };
  // Agents of others write their tags in any order.
  v.say_the_same = [](const std::string& a, const std::string& b) { return members::decode_tags(a) == members::decode_tags(b); };
  return v;
}

// ---- time --------------------------------------------------------------------------------------------------------

void pool_state::count_drops(nanos at) {
  const auto dropped = packets_->dropped();
  if (std::exchange(dropped_, dropped) != dropped) swim_->missed_packets(at);
}

void pool_state::arrived(packets_arrived& m) {
  packets_->taken(m.packets);
  const auto at = now();
  count_drops(at);
  static auto& received = telemetry::counter("memberlist.udp.received");
  for (auto& d : m.packets) {
    received.add(static_cast<double>(d.bytes.size()));
    auto p = decode_packet(d.bytes, &*seal_);
    if (!p) {
      ++undecodable_;
      why_undecodable_ = p.err().text;
      continue;
    }
    malformed_ += p->dropped;
    for (auto& one : p->messages) swim_->receive(std::move(one), d.with, at);
  }
  if (undecodable_ + malformed_ > 0) tell_interval(at); // else junk alone would go unsaid
  perform();
}

void pool_state::ticked(pool_ticked t) {
  if (t.generation == generation_) wake_at_ = nanos::max();
  const auto at = now();
  count_drops(at);
  if (swim_->next_deadline() <= at) swim_->tick(at);
  if (pool_->wake_at() <= at) pool_->tick(at);
  expire_streams(at);
  leave_once_met();
  perform();
}

// A timer under way cannot be called back: one that is too early does no harm, and none is set while an earlier one runs.
void pool_state::schedule() {
  const auto at = now();
  const nanos pause = std::max(publish_interval, publish_per_member * static_cast<int64_t>(pool_->members().all().size()));
  if (changed_ && at - published_ >= pause) publish(at);
  if (moved_ && at - published_ >= moves_interval) publish(at);
  if (flush_at_ <= at) write_kept(false);
  auto next = std::min({swim_->next_deadline(), pool_->wake_at(), stream_deadline(), flush_at_, leave_by_});
  if (changed_) next = std::min(next, published_ + pause);
  else if (moved_) next = std::min(next, published_ + moves_interval);
  if (wake_at_ <= next + timer_grain) return;
  wake_at_ = std::max(next, at + timer_grain);
  self_->delayed_send(self_, wake_at_ - at, pool_ticked{++generation_});
}

// ---- what others see ---------------------------------------------------------------------------------------------

void pool_state::publish(nanos at) {
  published_ = at;
  changed_ = moved_ = false;
  if (!setup_.board) return;
  auto v = std::make_shared<pool_view>();
  const auto& all = pool_->members().all();
  v->members.reserve(all.size());
  for (const auto& [who, m] : all) v->members.push_back(m);
  std::sort(v->members.begin(), v->members.end(), [](const auto& l, const auto& r) { return l.name < r.name; });
  v->self = setup_.name;
  v->where = places_->own();
  for (const auto& m : v->members)
    if (const auto* place = places_->find(m.name)) v->coordinates.emplace(m.name, *place);
  v->encrypted = !keys_.empty();
  v->stats = stats();
  setup_.board->publish(std::move(v));
  static auto &events = telemetry::sample("serf.queue.Event"), &intents = telemetry::sample("serf.queue.Intent"), &queries = telemetry::sample("serf.queue.Query");
  events.record(static_cast<double>(swim_->queued(urgency::event)));
  intents.record(static_cast<double>(swim_->queued(urgency::intent)));
  queries.record(static_cast<double>(swim_->queued(urgency::query)));
  static auto& health = telemetry::gauge("memberlist.health.score");
  health.set(swim_->health_score());
}

std::vector<std::pair<std::string, std::string>> pool_state::stats() const {
  size_t failed = 0, left = 0;
  for (const auto& [who, m] : pool_->members().all()) {
    failed += m.status == members::member_status::failed ? 1 : 0;
    left += m.status == members::member_status::left ? 1 : 0;
  }
  const auto times = pool_->lamport_times();
  auto number = [](uint64_t n) { return std::to_string(n); };
  std::vector<std::pair<std::string, std::string>> out;
  if (setup_.coordinates) out.emplace_back("coordinate_resets", number(places_->resets()));
  out.emplace_back("encrypted", keys_.empty() ? "false" : "true");
  out.emplace_back("event_queue", number(swim_->queued(urgency::event)));
  out.emplace_back("event_time", number(times.event));
  out.emplace_back("failed", number(failed));
  out.emplace_back("health_score", std::to_string(swim_->health_score()));
  out.emplace_back("intent_queue", number(swim_->queued(urgency::intent)));
  out.emplace_back("left", number(left));
  out.emplace_back("member_time", number(times.member));
  out.emplace_back("members", number(pool_->members().all().size()));
  out.emplace_back("query_queue", number(swim_->queued(urgency::query)));
  out.emplace_back("query_time", number(times.query));
  return out;
}

// What an interval left unsaid, with what begins the next one.
void pool_state::tell_interval(nanos at) {
  if (at - log_interval_ < setup_.log_interval) return;
  if (undecodable_ + malformed_ > 0)
    log::warn(setup_.log_name + (setup_.wan ? ".memberlist.wan" : ".memberlist.lan"), "memberlist: packets were dropped: undecodable={} malformed_parts={} last_error=\"{}\"", undecodable_, malformed_, why_undecodable_);
  if (not_logged_ > 0) log::warn(setup_.log_name, "more was noted about gossip than is written: lines={}", not_logged_);
  log_interval_ = at;
  logged_[0] = logged_[1] = not_logged_ = 0;
  undecodable_ = malformed_ = 0;
}

// Others can make us write lines: the rest of an interval's goes unsaid.
bool pool_state::may_log(origin what) {
  tell_interval(now());
  if (logged_[static_cast<size_t>(what)]++ < most_log_lines) return true;
  ++not_logged_;
  return false;
}

void pool_state::note(bool warning, const std::string& text) {
  if (may_log(origin::of_others)) log::write(warning ? log::level::warn : log::level::debug, setup_.log_name + (setup_.wan ? ".serf.wan" : ".serf.lan"), text);
}

void pool_state::note(importance level, const std::string& text) {
  const auto l = level == importance::detail ? log::level::debug : level == importance::notice ? log::level::info : level == importance::warning ? log::level::warn : log::level::err;
  const auto what = level == importance::notice ? origin::by_us : origin::of_others;
  if (log::enabled(l) && may_log(what)) log::write(l, setup_.log_name + (setup_.wan ? ".memberlist.wan" : ".memberlist.lan"), "memberlist: " + text);
}

result<pool_handle> spawn_pool(caf::actor_system& system, pool_setup setup) { return spawn_pool(system, std::move(setup), {}); }

result<pool_handle> spawn_pool(caf::actor_system& system, pool_setup setup, pool_io io) {
  pool_parts parts;
  if (auto tags = members::encode_tags(setup.tags); !tags) return tags.err();
  for (const auto& cidr : setup.allowed_networks) {
    auto n = parse_network(cidr);
    if (!n) return error(errc::bad_request, "invalid cidr: " + cidr);
    parts.networks.push_back(std::move(*n));
  }
  auto keys = open_keyring(setup);
  if (!keys) return keys.err();
  parts.keys = std::move(*keys);
  auto ciphers = make_cipher();
  if (!ciphers) return ciphers.err();
  parts.ciphers = std::move(*ciphers);
  std::unique_ptr<snapshot_file> snapshot;
  if (!setup.snapshot_path.empty()) {
    auto opened = snapshot_file::open(setup.snapshot_path, setup.rejoin_after_leave);
    if (!opened) return opened.err();
    snapshot = std::move(opened->file);
    parts.lines = std::move(opened->lines);
  }
  if (snapshot || (!parts.keys.empty() && !setup.keyring_path.empty())) parts.disk = std::make_unique<pool_disk>(std::move(snapshot), setup.keyring_path);
  parts.disk_has_thread = !io.packets;
  if (!io.packets) {
    auto port = open_port(setup.bind_ip, setup.bind_port);
    if (!port) return port.err();
    io = std::move(*port);
  }
  parts.io = std::move(io);
  parts.self = {ip_bytes(setup.advertise_ip), setup.advertise_port == 0 ? parts.io.packets->port() : setup.advertise_port};
  if (parts.self.ip.empty()) return error(errc::bad_request, "not an address to advertise: " + setup.advertise_ip);
  parts.setup = std::move(setup);
  auto handle = system.spawn(pool_behavior, std::make_shared<pool_parts>(std::move(parts)));
  return caf::actor_cast<pool_handle>(std::move(handle));
}

} // namespace actord::gossip
