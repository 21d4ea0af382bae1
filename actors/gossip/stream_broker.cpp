#include "actors/gossip/stream_broker.hpp"
#include "actors/members/core/address_text.hpp"
#include "runtime/net/household.hpp"
#include "runtime/net/stream_socket.hpp"
#include <algorithm>
#include <caf/io/broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/stateful_actor.hpp>
#include <map>
#include <sys/socket.h>
#include <unordered_map>

namespace actord::gossip {

namespace {

constexpr size_t read_size = 16 << 10; // each connection has so much for itself

struct line {
  caf::io::connection_handle handle;
  bool connected = false, last = false; // last: nothing more is written
  bool fresh = false;                   // accepted, and nothing was heard of it
  std::string household; // whose it is
};

struct broker_state {
  static inline const char* name = "gossip_streams";
  using pointer = caf::stateful_actor<broker_state, caf::io::broker>*;
  explicit broker_state(pointer p) : self(p) {}

  void dial(stream_dial& d) {
    auto fd = lines.size() >= most_accepted + most_dialled ? result<int>(error(errc::internal, "too many connections")) : net::start_dial(d.address, source_ip);
    if (!fd) return tell(stream_ended{d.id, stream_end::not_dialled});
    const auto h = self->add_scribe(*fd);
    add(d.id, h, false);
    self->write(h, d.first.size(), d.first.data());
    self->flush(h);
  }

  void write(stream_write& w) {
    const auto it = lines.find(w.id);
    if (it == lines.end()) return;
    it->second.last = true;
    self->write(it->second.handle, w.bytes.size(), w.bytes.data());
    self->flush(it->second.handle);
  }

  void close(uint64_t id) {
    const auto it = lines.find(id);
    if (it == lines.end()) return;
    const auto h = it->second.handle;
    const bool fresh = it->second.fresh;
    drop(id);
    // Shut down first: CAF would keep a closed connection until its bytes are written, for ever with a peer that hangs.
    ::shutdown(static_cast<int>(h.id()), SHUT_RDWR);
    // A connection that is closed before CAF's multiplexer has seen it keeps its descriptor for ever (0.17.6: what is added and deleted
    // within a turn is never told that it is out of the loop). Being shut down it ends by itself.
    if (!fresh) self->close(h);
  }

  void accepted(int fd) {
    if (fd < 0) return;
    if (accepted_count >= most_accepted) {
      const auto gone = oldest_of_greediest();
      close(gone);
      tell(stream_ended{gone, stream_end::after_connecting});
    }
    const auto h = self->add_scribe(fd);
    const auto id = accepted_bit | ++last_accepted;
    add(id, h, true);
    const auto from = members::parse_address(net::format_endpoint(self->remote_addr(h), self->remote_port(h)));
    tell(stream_accepted{id, from.value_or(address{})});
  }

  // There is an accepted one.
  uint64_t oldest_of_greediest() const {
    std::map<std::string_view, size_t> of;
    const auto first = lines.lower_bound(accepted_bit);
    for (auto it = first; it != lines.end(); ++it) ++of[it->second.household];
    return std::max_element(first, lines.end(), [&](auto& a, auto& b) { return of[a.second.household] < of[b.second.household]; })->first;
  }

  void received(const caf::io::new_data_msg& m) {
    const auto it = by_handle.find(m.handle.id());
    if (it == by_handle.end()) return;
    const auto id = it->second;
    lines.at(id).connected = true;
    lines.at(id).fresh = false;
    const auto source = stream_backlog::source_of(lines.at(id).household);
    if (!waiting->put(source, m.buf.size())) {
      close(id);
      return tell(stream_ended{id, stream_end::after_connecting});
    }
    tell(stream_bytes{id, source, std::string(m.buf.begin(), m.buf.end())});
  }

  void transferred(const caf::io::data_transferred_msg& m) {
    const auto it = by_handle.find(m.handle.id());
    if (it == by_handle.end()) return;
    auto& l = lines.at(it->second);
    l.connected = true;
    l.fresh = false;
    // Closing with bytes unread would reset the connection and take our last ones with it: the other side closes, or time.
    if (l.last && m.remaining == 0) ::shutdown(static_cast<int>(m.handle.id()), SHUT_WR);
  }

  void disconnected(caf::io::connection_handle h) {
    const auto it = by_handle.find(h.id());
    if (it == by_handle.end()) return;
    const auto id = it->second;
    const bool connected = lines.at(id).connected;
    drop(id);
    tell(stream_ended{id, connected ? stream_end::after_connecting : stream_end::refused});
  }

  void stop(const caf::error& reason) {
    for (auto& [id, l] : lines) ::shutdown(static_cast<int>(l.handle.id()), SHUT_RDWR);
    self->quit(reason);
  }

  void add(uint64_t id, caf::io::connection_handle h, bool is_accepted) {
    net::tune(static_cast<int>(h.id()));
    lines[id] = {h, is_accepted, false, is_accepted, net::household_of(self->remote_addr(h))};
    by_handle[h.id()] = id;
    accepted_count += is_accepted ? 1 : 0;
    self->ack_writes(h, true);
    self->configure_read(h, caf::io::receive_policy::at_most(read_size));
  }

  void drop(uint64_t id) {
    by_handle.erase(lines.at(id).handle.id());
    lines.erase(id);
    accepted_count -= (id & accepted_bit) != 0 ? 1 : 0;
  }

  // Not behind a flood of packets: who cannot be reached by them is asked by stream.
  template <class T> void tell(T message) {
    if (auto to = caf::actor_cast<caf::actor>(pool)) self->template send<caf::message_priority::high>(to, std::move(message));
  }

  pointer self;
  std::string source_ip;
  caf::actor_addr pool; // weak: the pool holds us
  std::shared_ptr<stream_backlog> waiting;
  std::map<uint64_t, line> lines;
  std::unordered_map<int64_t, uint64_t> by_handle;
  size_t accepted_count = 0;
  uint64_t last_accepted = 0;
};

caf::behavior broker_behavior(broker_state::pointer self, std::string source_ip, const caf::actor_addr& pool,
                              std::shared_ptr<stream_backlog> waiting) {
  auto& s = self->state;
  s.source_ip = std::move(source_ip);
  s.pool = pool;
  s.waiting = std::move(waiting);
  self->set_exit_handler([&s](const caf::exit_msg& e) { s.stop(e.reason); });
  return {
      [&s](stream_dial& d) { s.dial(d); },
      [&s](stream_write& w) { s.write(w); },
      [&s](const stream_close& c) { s.close(c.id); },
      [&s](const stream_taken& t) { s.accepted(t.socket->take()); },
      [&s](const caf::io::new_data_msg& m) { s.received(m); },
      [&s](const caf::io::data_transferred_msg& m) { s.transferred(m); },
      [&s](const caf::io::connection_closed_msg& m) { s.disconnected(m.handle); },
  };
}

} // namespace

caf::actor spawn_stream_broker(caf::actor_system& system, std::string source_ip, caf::strong_actor_ptr pool,
                               std::shared_ptr<stream_backlog> waiting) {
  auto weak = caf::actor_cast<caf::actor_addr>(pool);
  return system.middleman().spawn_broker(broker_behavior, std::move(source_ip), weak, std::move(waiting));
}

} // namespace actord::gossip
