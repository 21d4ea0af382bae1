#include "actors/peers/peers_state.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/machine_memory.hpp"
#include "runtime/net/heaviest.hpp"
#include "runtime/net/household.hpp"
#include <algorithm>
#include <sys/socket.h>
#include <utility>

namespace actord::peer {

namespace {

constexpr size_t read_size = 64 << 10, greeting_read_size = 1 << 10;
constexpr size_t held_by_each = 1 << 20, held_least = 3 * frame_limit; // bytes of unfinished frames; all together an eighth of the memory
constexpr uint64_t kernel_window = 256 << 10; // bytes beyond the reach of what matters more

std::string household_of(const link& l) {
  auto ip = std::string_view(l.address).substr(0, l.address.rfind(':'));
  if (ip.starts_with('[')) ip = ip.substr(1, ip.size() - 2);
  return net::household_of(ip);
}

} // namespace

link* peers_state::find(uint64_t number) {
  auto it = links.find(number);
  return it == links.end() ? nullptr : &it->second;
}

outbox peers_state::fresh_outbox() const {
  outbox::limits bounds;
  bounds.bytes = {size_t{1} << 20, setup.max_queued_bytes, setup.max_queued_bytes};
  return outbox(bounds);
}

hello peers_state::own_hello(peer::purpose p) const {
  const auto& s = setup.self;
  hello h;
  h.purpose = p;
  h.id = s.id;
  h.name = s.name;
  h.address = s.address;
  h.datacenter = s.datacenter;
  h.bootstrap_expect = static_cast<uint32_t>(std::max(0, s.bootstrap_expect));
  h.non_voter = s.non_voter;
  h.bootstrapped = s.bootstrapped;
  h.command_level = s.command_level;
  h.known = s.known;
  h.members = s.members;
  return h;
}

void peers_state::adopt(int fd) {
  if (fd >= 0) accepted(self->add_scribe(fd), true);
}

void peers_state::accepted(caf::io::connection_handle h, bool typed) {
  auto& l = links[++next_number];
  l.typed = typed;
  l.number = next_number;
  l.handle = h;
  l.address = format_endpoint(self->remote_addr(h), self->remote_port(h));
  l.opened = l.heard = now();
  by_handle[h.id()] = l.number;
  tune(static_cast<int>(h.id()));
  self->ack_writes(h, true);
  self->configure_read(h, caf::io::receive_policy::at_most(greeting_read_size));
  bound_accepted();
}

peers_state::excess peers_state::weigh(const std::function<size_t(const link&)>& weight) {
  std::map<std::string, size_t> of_household;
  excess e;
  for (auto& [number, l] : links)
    if (!l.outgoing) e.all += weight(l), of_household[household_of(l)] += weight(l);
  std::pair<size_t, size_t> most;
  for (auto& [number, l] : links) {
    const std::pair<size_t, size_t> here{l.outgoing || weight(l) == 0 ? 0 : of_household[household_of(l)], weight(l)};
    if (here.first > 0 && here > most) most = here, e.goes = &l;
  }
  return e;
}

// Too many accepted connections of those that have not said who they are, or of those that have: the oldest of the households with the most go, so many
// that it is a while until we look again.
void peers_state::bound_accepted() {
  for (const bool greeted : {false, true}) {
    const auto counts = [greeted](const auto& l) { return !l.second.outgoing && (l.second.at == link::stage::open) == greeted; };
    const auto most = greeted ? setup.max_accepted : setup.max_ungreeted;
    const auto found = static_cast<size_t>(std::count_if(links.begin(), links.end(), counts));
    if (found <= most) continue;
    std::vector<uint64_t> numbers;
    std::vector<net::holding> holdings;
    for (auto at = links.rbegin(); at != links.rend(); ++at) { // of those that weigh the same heaviest() names the last first
      if (!counts(*at)) continue;
      numbers.push_back(at->first);
      holdings.push_back({household_of(at->second), 1});
    }
    for (const auto place : net::heaviest(holdings, found - most + most / 8)) close(links.at(numbers[place]));
  }
}

link* peers_state::open_link(const std::string& address) {
  auto fd = start_dial(address, setup.bind.ip);
  if (!fd) {
    if (once_a_minute("dial " + address)) log::warn(log_name, "cannot reach a server: address={} error=\"{}\"", address, fd.err().text);
    return nullptr;
  }
  const auto h = self->add_scribe(*fd);
  auto& l = links[++next_number];
  l.number = next_number;
  l.handle = h;
  l.outgoing = l.typed = true;
  l.at = link::stage::dialled;
  l.address = address;
  l.out = fresh_outbox();
  l.opened = l.heard = l.pinged = now();
  by_handle[h.id()] = l.number;
  self->ack_writes(h, true);
  self->configure_read(h, caf::io::receive_policy::at_most(greeting_read_size));
  return &l;
}

void peers_state::dial(const dial_plan::dial& d) {
  auto* l = open_link(d.address);
  if (l == nullptr) {
    plan->failed(d.target, now());
    return;
  }
  l->target = d.target;
  l->wanted = d.wanted;
  push(*l, lane::control, std::string(1, static_cast<char>(stream_type)) + encode(own_hello(purpose::raft)));
}

void peers_state::received(const caf::io::new_data_msg& m) {
  auto known = by_handle.find(m.handle.id());
  if (known == by_handle.end()) return;
  const auto number = known->second;
  auto* l = find(number);
  if (l->at == link::stage::closing) return;
  l->heard = now();
  std::string_view bytes(m.buf.data(), m.buf.size());
  if (!l->typed && !bytes.empty()) {
    const auto type = static_cast<unsigned char>(bytes.front());
    if (type != stream_type) {
      log::debug(log_name, "closing a connection of another kind: from={} type={} kind={}", l->address, type, type <= 8 ? "Consul's RPC" : "unknown");
      close(*l);
      return;
    }
    l->typed = true;
    bytes.remove_prefix(1);
  }
  // The reader is taken out while its frames are handled, since handling one can end the connection.
  auto reader = std::move(l->reader);
  if (l->at != link::stage::open) {
    bool greeted = false;
    auto s = reader.feed(bytes, [&](frame_kind kind, std::string_view body) {
      const bool go_on = take_frame(number, kind, body);
      if (auto* now_open = go_on ? find(number) : nullptr; now_open != nullptr && !greeted && now_open->at == link::stage::open) {
        greeted = true;
        reader.set_limit(frame_limit);
        self->configure_read(now_open->handle, caf::io::receive_policy::at_most(read_size));
      }
      return go_on;
    });
    l = find(number);
    if (l != nullptr && !s) {
      log::debug(log_name, "closing a connection: from={} error=\"{}\"", l->address, s.err().text);
      close(*l);
      l = nullptr;
    }
  } else {
    auto s = reader.feed(bytes, [&](frame_kind kind, std::string_view body) { return take_frame(number, kind, body); });
    l = find(number);
    if (l != nullptr && !s) {
      log::warn(log_name, "closing a server's connection: server={} address={} error=\"{}\"", l->said.name, l->address, s.err().text);
      close(*l);
      l = nullptr;
    }
  }
  if (l != nullptr) l->reader = std::move(reader);
  flush_received();
  if (l != nullptr && !l->outgoing && l->reader.held() > held_by_each) bound_held();
}

// What connections that came to us may make us hold of unfinished frames.
void peers_state::bound_held() {
  static const size_t held_most = std::max<size_t>(held_least, std::min<uint64_t>(usable_memory() / 8, uint64_t{256} << 20));
  for (;;) {
    const auto found = weigh([](const link& l) { return l.at == link::stage::closing ? 0 : l.reader.held(); });
    if (found.all <= (setup.max_held_bytes > 0 ? setup.max_held_bytes : held_most) || found.goes == nullptr) return;
    auto& most = *found.goes;
    if (once_a_minute("holds too much")) log::warn(log_name, "closing a server's connection, since unfinished frames take {} bytes: server={} address={}", found.all, most.said.name, most.address);
    close(most); // it is gone with what it held
  }
}

void peers_state::transferred(const caf::io::data_transferred_msg& m) {
  auto known = by_handle.find(m.handle.id());
  if (known == by_handle.end()) return;
  auto& l = *find(known->second);
  l.in_kernel = m.remaining;
  l.written += m.written;
  if (l.at == link::stage::closing && l.in_kernel == 0 && l.out.empty()) {
    // Closing with bytes unread would reset the connection and take our last frame with it: the other side closes, or time.
    ::shutdown(static_cast<int>(l.handle.id()), SHUT_WR);
    return;
  }
  pump(l);
}

void peers_state::disconnected(caf::io::connection_handle h) {
  auto known = by_handle.find(h.id());
  if (known == by_handle.end()) return;
  auto& l = *find(known->second);
  if (l.at == link::stage::dialled && once_a_minute("dial " + l.address)) log::warn(log_name, "cannot reach a server: address={} error=\"refused, or closed before a greeting\"", l.address);
  close(l);
}

uint64_t peers_state::push(link& l, lane where, std::string frame) {
  const auto ticket = l.out.push(where, std::move(frame));
  if (ticket != 0) pump(l);
  return ticket;
}

// Gives the multiplexer only a little at a time: what it holds can neither be overtaken nor be taken back.
void peers_state::pump(link& l) {
  bool any = false;
  while (l.in_kernel < kernel_window && !l.out.empty()) {
    const auto frame = l.out.pop();
    l.in_kernel += frame.size();
    self->write(l.handle, frame.size(), frame.data());
    any = true;
  }
  if (any) self->flush(l.handle);
}

void peers_state::close(link& l, bool at_once) {
  if (!at_once) {
    l.at = link::stage::closing;
    l.opened = now();
    return;
  }
  const auto number = l.number;
  const bool was_route = routes.contains(l.said.id) && routes.at(l.said.id) == number;
  // Shut down first: CAF would keep a closed connection until its bytes are written, for ever with a peer that hangs.
  ::shutdown(static_cast<int>(l.handle.id()), SHUT_RDWR);
  // One that CAF's multiplexer may not have seen yet would keep its descriptor for ever (actors/gossip/stream_broker).
  if (l.outgoing || l.at != link::stage::silent) self->close(l.handle);
  by_handle.erase(l.handle.id());
  auto gone = std::move(l);
  links.erase(number);
  if (gone.target != 0 && gone.outgoing) plan->failed(gone.target, now());
  if (was_route) {
    routes.erase(gone.said.id);
    log::info(log_name, "lost the connection to a server: server={} address={}", gone.said.name, gone.address);
    self->send(raft, peer_lost{gone.said.id});
  }
  if (gone.outgoing && gone.purpose == purpose::snapshot)
    if (auto it = sendings.find(gone.wanted); it != sendings.end() && it->second.link == number) retry_sending(gone.wanted, it->second, "the connection broke");
  std::vector<std::pair<uint64_t, uint64_t>> open_questions;
  for (const auto& [id, q] : questions)
    if (q.link == number) open_questions.emplace_back(id, q.ticket);
  for (auto [id, ticket] : open_questions) {
    const bool kept = gone.out.cancel(lane::requests, ticket);
    settle_ask(id, error(kept ? errc::no_leader : errc::unknown_outcome, "the connection to server " + gone.said.id + " broke"));
  }
}

void peers_state::refuse(link& l, const std::string& text) {
  push(l, lane::control, encode_refused(text));
  close(l, false);
}

void peers_state::watch_links(int64_t t) {
  std::vector<uint64_t> late;
  for (auto& [number, l] : links) {
    const auto open_for = t - l.opened;
    switch (l.at) {
    case link::stage::dialled:
      if (open_for > setup.dial_timeout.count()) late.push_back(number);
      break;
    case link::stage::silent:
      if (open_for > setup.greet_timeout.count()) late.push_back(number);
      break;
    case link::stage::closing:
      if (open_for > 1000) late.push_back(number);
      break;
    case link::stage::open:
      // A slow line with a backlog that moves is alive, though its pongs come late. What the kernel took moves only when the
      // other side has acknowledged it.
      if (l.in_kernel > 0 || !l.out.empty()) {
        const auto arrived = l.written - std::min(l.written, unacknowledged(static_cast<int>(l.handle.id())));
        if (std::exchange(l.arrived, arrived) != arrived) l.heard = t;
      }
      if (t - l.heard > (l.outgoing ? setup.silent_limit : setup.idle_limit).count()) {
        late.push_back(number);
      } else if (l.outgoing && t - l.pinged >= setup.ping_interval.count()) {
        l.pinged = t;
        push(l, lane::control, encode_empty(frame_kind::ping));
      }
      break;
    }
  }
  for (auto number : late)
    if (auto* l = find(number)) {
      if (l->at == link::stage::open) log::warn(log_name, "a server is silent, closing its connection: server={} address={}", l->said.name, l->address);
      if (l->at == link::stage::dialled && once_a_minute("late " + l->address)) log::warn(log_name, "cannot reach a server: address={} error=\"no greeting in time\"", l->address);
      close(*l);
    }
}

} // namespace actord::peer
