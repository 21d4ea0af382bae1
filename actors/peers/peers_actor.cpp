#include "actors/messages/port_messages.hpp"
#include "actors/peers/peers_state.hpp"
#include "actors/raft/core/wire.hpp"
#include "actors/messages/remind.hpp"
#include "runtime/base/log.hpp"
#include <caf/io/middleman.hpp>
#include <caf/send.hpp>
#include <sys/socket.h>
#include <unistd.h>

namespace actord {

namespace peer {

namespace {

// Which messages may wait behind entries: entries themselves and what is only worth something after them.
lane lane_of(const raft::message& m) {
  const bool bulky = m.kind == raft::message_kind::append || m.kind == raft::message_kind::timeout_now;
  return bulky ? lane::entries : lane::control;
}

constexpr size_t frame_target = 1 << 20; // several messages go into one frame up to here

caf::behavior peers_behavior(peers_state::pointer self, peers_setup setup, raft_handle raft, int listener) {
  auto& s = self->state;
  s.start(std::move(setup), std::move(raft), listener);
  return {
      [&s](const peers_send& m) { s.send_messages(m); },
      [&s](const peers_wanted& w) { s.want(w); },
      [&s](peers_say& m) { s.say(m); },
      [&s](peers_ask& a) { s.ask(a); },
      [&s](const peers_reply& r) { s.reply(r); },
      [&s](const peers_send_snapshot& m) { s.send_snapshot(m); },
      [&s](disk_read_done& d) { s.was_read(d); },
      [&s](const disk_write_done& d) { s.was_written(d); },
      [&s](const snapshot_turn& t) { s.take_turn(t); },
      [&s](const port_connection& c) { s.adopt(c.socket->take()); },
      [&s](peers_ticked) { s.tick(); },
      [&s](const caf::io::new_connection_msg& m) { s.accepted(m.handle); },
      [&s](const caf::io::new_data_msg& m) { s.received(m); },
      [&s](const caf::io::data_transferred_msg& m) { s.transferred(m); },
      [&s](const caf::io::connection_closed_msg& m) { s.disconnected(m.handle); },
      [](const caf::io::acceptor_closed_msg&) { log::err(log_name, "the listener of the server port was closed"); },
  };
}

} // namespace

int64_t peers_state::now() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(self->clock().now().time_since_epoch()).count();
}

int64_t peers_state::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(self->clock().now().time_since_epoch()).count();
}

bool peers_state::once_a_minute(const std::string& what) {
  if (logged.size() > 1000) logged.clear();
  auto [it, fresh] = logged.try_emplace(what, now());
  if (!fresh && now() - it->second < 60000) return false;
  it->second = now();
  return true;
}

void peers_state::start(peers_setup s, raft_handle r, int listener) {
  setup = std::move(s);
  raft = std::move(r);
  plan = std::make_unique<dial_plan>(setup.self.id, dial_plan::options{}, setup.seed);
  lookup = std::make_unique<resolver>();
  // Transfer numbers are not repeated by a restart, which may come with the same seed.
  random = prng(setup.seed ^ static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()));
  disk = spawn_snapshot_disk(self->system());
  self->link_to(disk);
  self->monitor(raft);
  self->set_down_handler([this](const caf::down_msg& d) {
    if (d.source == raft.address()) stop(caf::exit_reason::user_shutdown);
  });
  self->set_exit_handler([this](const caf::exit_msg& e) { stop(e.reason); });
  if (listener >= 0) self->add_doorman(listener);
  ticked = now();
  remind(self, setup.tick, peers_ticked{});
}

// CAF waits for what is not yet written before it lets go of a connection, for ever with a peer that hangs.
void peers_state::stop(const caf::error& reason) {
  for (auto& [number, l] : links) ::shutdown(static_cast<int>(l.handle.id()), SHUT_RDWR);
  self->quit(reason);
}

void peers_state::send_messages(const peers_send& m) {
  std::map<uint64_t, std::array<messages_frame, 3>> frames;
  std::string body;
  for (const auto& message : m.messages) {
    auto route = routes.find(message.to);
    if (route == routes.end()) continue;
    auto& l = links.at(route->second);
    const auto where = lane_of(message);
    size_t payload = 0;
    for (const auto& e : message.entries) payload += e.size();
    if (!l.out.has_room(where, payload)) {
      note_full(l);
      continue;
    }
    body.clear();
    raft::encode(message, body);
    auto& frame = frames[l.number][static_cast<size_t>(where)];
    frame.add(body);
    if (frame.size() >= frame_target && l.out.push(where, frame.take()) == 0) note_full(l);
  }
  for (auto& [number, lanes] : frames) {
    auto& l = links.at(number);
    for (size_t i = 0; i < lanes.size(); ++i)
      if (!lanes[i].empty() && l.out.push(static_cast<lane>(i), lanes[i].take()) == 0) note_full(l);
    pump(l);
  }
}

void peers_state::note_full(const link& l) {
  if (once_a_minute("full " + l.said.id)) log::warn(log_name, "a server does not keep up, dropping messages to it: server={} address={}", l.said.name, l.address);
}

void peers_state::want(const peers_wanted& w) {
  plan->want(w.servers, now());
  for (auto target : plan->take_dropped())
    for (auto& [number, l] : links)
      if (l.target == target && l.at != link::stage::closing) {
        close(l);
        break;
      }
  for (const auto& host : plan->names_due(now())) lookup->ask(host);
  for (const auto& d : plan->due(now())) dial(d);
}

void peers_state::say(peers_say& s) {
  setup.self = std::move(s.hello);
  for (auto& [number, l] : links)
    if (l.at == link::stage::open && l.purpose == purpose::raft) {
      push(l, lane::control, encode(own_hello(purpose::raft)));
    }
}

void peers_state::ask(peers_ask& a) {
  if (questions.contains(a.id)) {
    log::err(log_name, "two questions with one id: id={}", a.id);
    return;
  }
  auto& q = questions[a.id] = {.to = a.to, .deadline = now() + setup.ask_timeout.count()};
  auto route = routes.find(a.to);
  if (route != routes.end()) {
    q.link = route->second;
    auto& l = links.at(route->second);
    q.ticket = l.out.push(lane::requests, encode(frame_kind::question, {a.id, std::move(a.body)}));
    if (q.ticket != 0) {
      pump(l);
      return;
    }
  }
  settle_ask(a.id, error(errc::no_leader, route == routes.end() ? "no connection to server " + a.to : "too much is waiting for server " + a.to));
}

void peers_state::settle_ask(uint64_t id, error failure, std::string body) {
  questions.erase(id);
  self->send(raft, peer_answer{id, std::move(failure), std::move(body)});
}

void peers_state::reply(const peers_reply& r) {
  auto* l = find(r.connection);
  if (l == nullptr || l->at != link::stage::open) return; // who asked is told by its own broken connection
  if (const auto answered = l->unanswered.extract(r.id)) l->unanswered_bytes -= answered.mapped();
  if (push(*l, lane::requests, encode(frame_kind::answer, {r.id, r.body})) == 0 && once_a_minute("does not read " + l->said.id))
    log::warn(log_name, "a server does not read its answers, dropping one: address={}", l->address);
}

void peers_state::tick() {
  const auto t = now();
  // After a pause of this process (SIGSTOP, a suspended machine) the others have not been silent: we have not listened.
  if (const auto late = t - ticked - 1000; late > 0)
    for (auto& [number, l] : links) {
      l.heard += late;
      l.opened += late;
    }
  ticked = t;
  for (const auto& host : plan->names_due(t)) lookup->ask(host);
  for (auto& a : lookup->take()) {
    if (a.addresses) {
      plan->resolved(a.name, *a.addresses, t);
    } else {
      plan->resolve_failed(a.name, t);
      if (once_a_minute("resolve " + a.name)) log::warn(log_name, "cannot resolve a server's name: name={} error=\"{}\"", a.name, a.addresses.err().text);
    }
  }
  for (const auto& d : plan->due(t)) dial(d);
  watch_links(t);
  watch_sendings(t);
  watch_receiving(t);
  std::vector<uint64_t> late;
  for (const auto& [id, q] : questions)
    if (q.deadline <= t) late.push_back(id);
  for (auto id : late) {
    const auto& q = questions[id];
    auto* l = find(q.link);
    const bool kept = l != nullptr && l->out.cancel(lane::requests, q.ticket);
    settle_ask(id, error(kept ? errc::no_leader : errc::unknown_outcome, "no answer from server " + q.to + " in time"));
  }
  // An idle server wakes up seldom.
  const bool busy = plan->restless() || !questions.empty() || !sendings.empty() || incoming;
  remind(self, busy ? setup.tick : setup.tick * 5, peers_ticked{});
}

} // namespace peer

result<peers_handle> spawn_peers_actor(caf::actor_system& system, peers_setup setup, raft_handle raft) {
  if (!system.has_middleman()) return error(errc::internal, "the actor system has no network layer");
  if (!setup.data_dir.empty()) peer::remove_partial_snapshots(setup.data_dir);
  int listener = setup.listener;
  if (listener < 0 && setup.listens) {
    auto fd = net::listen_on(setup.bind.ip, setup.bind.port);
    if (!fd) return fd.err();
    listener = *fd;
  }
  auto broker = system.middleman().spawn_broker(peer::peers_behavior, std::move(setup), std::move(raft), listener);
  return caf::actor_cast<peers_handle>(std::move(broker));
}

} // namespace actord
