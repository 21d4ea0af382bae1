#include "actors/rpc/client_actor.hpp"
#include "actors/messages/agent_messages.hpp"
#include "actors/messages/remind.hpp"
#include "actors/rpc/client_state.hpp"
#include "actors/rpc/dial.hpp"
#include "runtime/base/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include <algorithm>
#include <caf/io/middleman.hpp>

namespace actord {

namespace rpc {

namespace {

constexpr std::string_view log_name = "agent.client";
constexpr char multiplexed = 4;             // the connection's first byte
constexpr size_t read_size = 32 << 10;
constexpr size_t kernel_window = 256 << 10; // bytes given to CAF at a time
constexpr size_t most_idle = 32;            // streams kept per connection
constexpr std::string_view made = "rpc error making call: ", got = "rpc error getting client: failed to get conn: ";

// The class of a server's refusal, by the texts that agents look at (wire.md, Errors).
errc class_of(std::string_view text) {
  auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (has("No cluster leader")) return errc::no_leader;
  if (has("Permission denied") || has("ACL not found") || has("ACL bootstrap no longer allowed")) return errc::permission;
  return errc::internal;
}

caf::behavior client_behavior(client_state::pointer self, rpc_client_setup setup) {
  auto& s = self->state;
  s.start(std::move(setup));
  return {
      [&s](rpc_call& m) { return s.begin(m); },
      [&s](const pool_news& n) { s.news(n); },
      [&s](const servers_watch& m) { s.watch(m); },
      [&s](call_again m) { s.again(m.call); },
      [&s](client_ticked) { s.tick(); },
      [&s](const caf::io::new_data_msg& m) { s.received(m); },
      [&s](const caf::io::data_transferred_msg& m) { s.transferred(m); },
      [&s](const caf::io::connection_closed_msg& m) { s.disconnected(m.handle); },
      [](const caf::io::acceptor_closed_msg&) {},
      [](const caf::io::new_connection_msg&) {},
  };
}

} // namespace

nanos client_state::now() const { return std::chrono::duration_cast<nanos>(self->clock().now().time_since_epoch()); }

void client_state::start(rpc_client_setup s) {
  setup_ = std::move(s);
  random_ = prng(setup_.seed);
  route_ = route(prng(setup_.seed + 1));
  limit_ = rate_limit(setup_.rate, setup_.burst);
  for (auto& address : setup_.fixed_servers) route_.add({address, "", address});
  changed(!setup_.fixed_servers.empty());
  self->set_exit_handler([this](const caf::exit_msg& e) {
    for (auto& [number, l] : links_) shut(static_cast<int>(l.handle.id()));
    self->quit(e.reason);
  });
}

// ---- servers -----------------------------------------------------------------------------------------------------

void client_state::news(const pool_news& n) {
  if (n.wan) return;
  bool any = false, came = false;
  for (auto& e : n.members) {
    auto server = server_in(e.who, setup_.datacenter);
    if (!server) continue;
    const bool here = e.change == members::member_change::join || e.change == members::member_change::update;
    if (here && e.who.status == members::member_status::alive) {
      const bool added = route_.add(*server);
      if (added) log::info(log_name, "adding server: server=\"{} (Addr: tcp/{}) (DC: {})\"", server->name, server->address, setup_.datacenter);
      any |= added, came |= added;
    } else if (!here && route_.remove(server->name)) {
      log::info(log_name, "removing server: server=\"{} (Addr: tcp/{}) (DC: {})\"", server->name, server->address, setup_.datacenter);
      any = true;
      if (e.change == members::member_change::failed) drop(server->address);
    }
  }
  if (any) changed(came);
  for (auto& e : n.events)
    if (e.name == "consul:new-leader") {
      log::info(log_name, "New leader elected: payload={}", e.payload);
      tell_watcher();
    }
}

// The pool knows sooner than the connection that a server hangs: reads go elsewhere at once.
void client_state::drop(const std::string& address) {
  for (auto& [number, l] : links_)
    if (l.address == address) return close(number, "EOF");
}

void client_state::changed(bool came) {
  if (setup_.status) setup_.status->known_leader.store(route_.size() > 0);
  if (came) tell_watcher();
  if (route_.size() > 0 && route_.rebalance_at().count() == 0) route_.rebalanced(now(), 1);
  arm();
}

void client_state::watch(const servers_watch& m) {
  watcher_ = caf::actor_cast<caf::actor_addr>(m.sink);
  if (route_.size() > 0) tell_watcher();
}

void client_state::tell_watcher() {
  if (auto to = caf::actor_cast<caf::actor>(watcher_)) self->send(to, agent_ticked{agent_compares_soon});
}

// A shuffled list begins with a server that answers: the first is asked whether it is there, and goes to the end if not.
void client_state::ping_first() {
  const auto* first = route_.first();
  if (first == nullptr) return;
  const auto id = next_call_++;
  outstanding c{{"Status.Ping", "\x80", std::chrono::seconds(10), true}, {}, true, retries({nanos(0)}, true, now()), now() + std::chrono::seconds(10), first->address, 0, 0};
  calls_.emplace(id, std::move(c));
  attempt_call(id);
}

// ---- calls -------------------------------------------------------------------------------------------------------

caf::result<rpc_answer> client_state::begin(rpc_call& m) {
  static auto &asked = telemetry::counter("client.rpc"), &exceeded = telemetry::counter("client.rpc.exceeded");
  asked.add();
  if (!limit_.take(now())) return exceeded.add(), rpc_answer{{errc::rate_limited, "RPC rate limit exceeded"}, {}};
  if (route_.size() == 0) return rpc_answer{{errc::no_leader, "No known Consul servers"}, {}};
  const auto id = next_call_++;
  auto promise = self->make_response_promise<rpc_answer>();
  calls_.emplace(id, outstanding{std::move(m), promise, false, retries({setup_.hold}, m.reads, now()), nanos(0), {}, 0, 0});
  attempt_call(id);
  arm();
  return promise;
}

void client_state::attempt_call(uint64_t id) {
  auto it = calls_.find(id);
  if (it == calls_.end()) return;
  auto& c = it->second;
  if (!c.ping) {
    const auto* server = route_.first_but(c.tries.tried());
    if (server == nullptr) return finish(c, {{errc::no_leader, "No known Consul servers"}, {}}), void(calls_.erase(id));
    c.address = server->address;
    c.deadline = now() + (c.what.patience.count() > 0 ? c.what.patience : setup_.answer_timeout);
  }
  c.stream = 0;
  auto* l = link_to(c.address);
  if (l == nullptr) return settle(id, attempt::not_sent, "", {}, std::string(got) + "dial tcp " + c.address + ": no connection");
  c.link = l->number;
  if (!give_stream(*l, id)) l->waiting.push_back(id);
}

void client_state::again(uint64_t call) { attempt_call(call); }

client_state::link* client_state::link_to(const std::string& address) {
  for (auto& [number, l] : links_)
    if (l.address == address) return &l;
  auto fd = start_dial(address, setup_.source_ip);
  if (!fd) {
    log::warn(log_name, "cannot reach a server: error=\"{}\"", fd.err().text);
    return nullptr;
  }
  const auto number = next_link_++;
  link& l = links_[number];
  l.number = number;
  l.handle = self->add_scribe(*fd);
  l.address = address;
  yamux_options o;
  o.client = true;
  l.mux = yamux(o);
  l.opened = l.used = now();
  by_handle_[l.handle.id()] = number;
  self->ack_writes(l.handle, true);
  self->configure_read(l.handle, caf::io::receive_policy::at_most(read_size));
  self->write(l.handle, 1, &multiplexed);
  self->flush(l.handle);
  l.in_kernel = 1;
  arm();
  return &l;
}

bool client_state::give_stream(link& l, uint64_t id) {
  auto& c = calls_.at(id);
  uint32_t stream = 0;
  if (!l.idle.empty()) {
    stream = l.idle.back();
    l.idle.pop_back();
  } else {
    stream = l.mux.open();
  }
  if (stream == 0) return false;
  c.stream = stream;
  l.used = now();
  l.busy.insert_or_assign(stream, busy_stream{id});
  l.mux.send(stream, encode_request({id, c.what.method}, c.what.arguments));
  pump(l);
  return true;
}

void client_state::serve_waiting(link& l) {
  while (!l.waiting.empty()) {
    const auto id = l.waiting.front();
    if (calls_.contains(id) && !give_stream(l, id)) return;
    l.waiting.pop_front();
  }
}

void client_state::answer(uint64_t id, const std::string& refusal, std::string body) {
  settle(id, attempt::answered, refusal, std::move(body), {});
}

// An attempt has ended: the call is answered, or tried again.
void client_state::settle(uint64_t id, attempt how, const std::string& refusal, std::string body, const std::string& transport) {
  auto it = calls_.find(id);
  if (it == calls_.end()) return;
  auto& c = it->second;
  if (how != attempt::answered || !refusal.empty()) route_.failed(c.address);
  if (c.ping) {
    const bool bad = how != attempt::answered;
    calls_.erase(it);
    if (bad) log::warn(log_name, "a server did not answer, asking another: error=\"{}\"", transport);
    return;
  }
  if (auto delay = c.tries.after(how, refusal, c.address, route_.size(), now(), random_)) {
    c.stream = 0;
    c.link = 0;
    c.deadline = nanos(0);
    if (route_.size() > 0 || how == attempt::answered) return remind(self, *delay, call_again{id});
  }
  rpc_answer a;
  if (how == attempt::answered) {
    if (!refusal.empty()) a.failure = {class_of(refusal), std::string(made) + refusal};
    a.body = std::move(body);
  } else {
    const bool unsure = how != attempt::not_sent && !c.what.reads;
    a.failure = {unsure ? errc::unknown_outcome : errc::internal, transport};
    log::err(log_name, "RPC failed to server: method={} server={} error=\"{}\"", c.what.method, c.address, transport);
  }
  finish(c, std::move(a));
  calls_.erase(id);
}

void client_state::finish(outstanding& c, rpc_answer a) {
  static auto& failed = telemetry::counter("client.rpc.failed");
  if (a.failure.code != errc::none && !c.ping) failed.add();
  if (!c.ping) c.promise.deliver(std::move(a));
}

// ---- connections -------------------------------------------------------------------------------------------------

void client_state::received(const caf::io::new_data_msg& m) {
  auto known = by_handle_.find(m.handle.id());
  if (known == by_handle_.end()) return;
  const auto number = known->second;
  auto& l = links_.at(number);
  l.connected = true;
  l.mux.feed({m.buf.data(), m.buf.size()}, now());
  take_events(number);
}

void client_state::take_events(uint64_t number) {
  auto it = links_.find(number);
  if (it == links_.end()) return;
  auto& l = it->second;
  std::string why;
  bool over = false;
  for (auto& e : l.mux.take_events()) {
    using kind = yamux_event::kind;
    switch (e.what) {
    case kind::bytes:
      l.mux.consumed(e.stream, e.bytes.size());
      take_bytes(l, e.stream, e.bytes);
      break;
    case kind::finished: stream_gone(l, e.stream, "EOF"); break;
    case kind::reset: stream_gone(l, e.stream, "stream closed"); break;
    case kind::opened: l.mux.reset(e.stream); break; // servers have nothing to ask
    case kind::pong: break;
    case kind::away:
      if (!l.busy.empty()) break; // what was asked may still be answered
      over = true;
      why = "the server goes away";
      break;
    case kind::ended:
      over = true;
      why = std::move(e.bytes);
      break;
    }
  }
  if (over) return close(number, why);
  serve_waiting(l);
  pump(l);
}

void client_state::take_bytes(link& l, uint32_t stream, std::string_view bytes) {
  auto it = l.busy.find(stream);
  if (it == l.busy.end()) { // an idle stream has nothing to say
    std::erase(l.idle, stream);
    return l.mux.reset(stream);
  }
  std::string refusal, body;
  bool whole = false, malformed = false;
  auto s = it->second.reply.feed(bytes, [&](std::string_view header, std::string_view value) {
    auto head = decode_answer_header(header);
    malformed = whole || !head; // one answer was asked for
    whole = true;
    if (head) refusal = std::move(head->failure);
    body = value;
    return true;
  });
  malformed = malformed || !s || (whole && it->second.reply.held() > 0);
  if (!whole && !malformed) return;
  const auto id = it->second.call;
  l.busy.erase(it);
  l.used = now();
  if (malformed) {
    l.mux.reset(stream);
    return settle(id, attempt::lost, "", {}, std::string(made) + (s ? "the answer is malformed" : s.err().text));
  }
  // As Consul: a stream that brought an error is not used again.
  if (refusal.empty() && l.idle.size() < most_idle) l.idle.push_back(stream);
  else l.mux.finish(stream);
  answer(id, refusal, std::move(body));
}

void client_state::stream_gone(link& l, uint32_t stream, const char* why) {
  std::erase(l.idle, stream);
  l.mux.finish(stream);
  auto it = l.busy.find(stream);
  if (it == l.busy.end()) return;
  const auto id = it->second.call;
  l.busy.erase(it);
  settle(id, attempt::lost, "", {}, std::string(made) + why);
}

void client_state::pump(link& l) {
  if (!l.mux.has_output() || l.in_kernel >= kernel_window) return;
  std::string out;
  l.mux.drain(out, kernel_window - l.in_kernel);
  if (out.empty()) return;
  l.in_kernel += out.size();
  self->write(l.handle, out.size(), out.data());
  self->flush(l.handle);
}

void client_state::transferred(const caf::io::data_transferred_msg& m) {
  auto known = by_handle_.find(m.handle.id());
  if (known == by_handle_.end()) return;
  auto& l = links_.at(known->second);
  l.connected = true; // bytes were taken by the kernel: somebody is there
  l.in_kernel = m.remaining;
  pump(l);
}

void client_state::disconnected(caf::io::connection_handle h) {
  auto known = by_handle_.find(h.id());
  if (known != by_handle_.end()) close(known->second, "EOF");
}

void client_state::close(uint64_t number, const std::string& why) {
  auto it = links_.find(number);
  if (it == links_.end()) return;
  auto gone = std::move(it->second);
  links_.erase(it);
  by_handle_.erase(gone.handle.id());
  shut(static_cast<int>(gone.handle.id()));
  self->close(gone.handle);
  const bool connected = gone.connected;
  const auto text = connected ? std::string(made) + why : std::string(got) + "dial tcp " + gone.address + ": connect: " + (why == "EOF" ? "connection refused" : why);
  std::vector<std::pair<uint64_t, attempt>> ended;
  for (auto& [stream, b] : gone.busy) ended.emplace_back(b.call, connected ? attempt::lost : attempt::not_sent);
  for (auto id : gone.waiting) ended.emplace_back(id, attempt::not_sent);
  for (auto& [id, how] : ended) settle(id, how, "", {}, text);
}

// ---- time --------------------------------------------------------------------------------------------------------

void client_state::arm() {
  if (ticking_ || (links_.empty() && calls_.empty() && route_.size() == 0)) return;
  ticking_ = true;
  remind(self, setup_.tick, client_ticked{});
}

void client_state::tick() {
  ticking_ = false;
  const auto t = now();
  std::vector<uint64_t> late, over;
  for (auto& [id, c] : calls_)
    if (c.deadline.count() != 0 && t >= c.deadline) late.push_back(id);
  for (auto id : late) {
    auto& c = calls_.at(id);
    auto l = links_.find(c.link);
    const bool sent = c.stream != 0 && l != links_.end() && l->second.connected;
    if (l != links_.end() && c.stream != 0) {
      l->second.busy.erase(c.stream);
      l->second.mux.reset(c.stream);
    }
    settle(id, sent ? attempt::timed_out : attempt::not_sent, "", {}, std::string(made) + "no answer in time");
  }
  for (auto& [number, l] : links_) {
    l.mux.tick(t);
    const bool unused = l.busy.empty() && l.waiting.empty() && t - l.used > setup_.idle_close;
    if (unused || (!l.connected && t - l.opened > setup_.dial_timeout)) over.push_back(number);
  }
  for (auto number : over) close(number, "i/o timeout");
  std::vector<uint64_t> numbers;
  for (auto& [number, l] : links_) numbers.push_back(number);
  for (auto number : numbers) take_events(number);
  if (route_.size() > 0 && route_.rebalance_due(t)) {
    route_.shuffle();
    route_.rebalanced(t, setup_.members ? setup_.members->look()->members.size() : 1);
    if (route_.size() > 1) ping_first();
  }
  arm();
}

} // namespace rpc

rpc_handle spawn_rpc_client(caf::actor_system& system, rpc_client_setup setup) {
  return caf::actor_cast<rpc_handle>(system.middleman().spawn_broker(rpc::client_behavior, std::move(setup)));
}

} // namespace actord
