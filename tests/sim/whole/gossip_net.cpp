// The network of the pools: packets, which may get lost, doubled and overtake one another; and streams, whose bytes arrive in order
// or not at all.
#include "tests/sim/whole/world.hpp"
#include "actors/members/core/address_text.hpp"
#include <caf/send.hpp>

namespace actord::sim::whole {

namespace {
constexpr uint64_t syn_again = second, segment_again = 200 * ms; // as TCP's first repetitions

gossip::address address_of(const std::string& ip) { return members::parse_address(ip + ":" + std::to_string(gossip_port)).value_or(gossip::address{}); }
} // namespace

const pool_part* world::pool_of(uint32_t slot) {
  if (slot < most_servers) return servers_[slot].up ? servers_[slot].up->gossip.get() : nullptr;
  return client_at(slot).up ? &client_at(slot).up->gossip : nullptr;
}

void world::packets(machine& from, std::span<const gossip::datagram> out) {
  const auto slot = from.slot;
  const auto own = address_of(slot < most_servers ? servers_[slot].hello.address.substr(0, servers_[slot].hello.address.find(':')) : client_at(slot).ip);
  for (const auto& d : out) {
    const auto to = slot_of_ip(d.with.ip);
    if (to == ends() || to == slot || !running(to)) continue;
    ++result_.packets;
    const auto arrivals = network_.plan(slot, to);
    for (size_t i = 0; i < arrivals.count; ++i)
      schedule(arrivals.delay[i], "packet", to, [this, to, life = site_of(to).life, bytes = d.bytes, own] {
        enter(to, life, "packet", [this, to, bytes, own] { pool_of(to)->packet({bytes, own}); });
      });
  }
}

// ---- streams -------------------------------------------------------------------------------------------------------

std::pair<uint64_t, int> world::stream_at(const machine& m, uint64_t id) const {
  const auto at = stream_numbers_.find({m.slot, m.life, id});
  if (at == stream_numbers_.end()) return {0, 0};
  return {at->second, streams_.at(at->second).ends[0].slot == m.slot && streams_.at(at->second).ends[0].id == id ? 0 : 1};
}

void world::dial(machine& from, const gossip::stream_dial& d) {
  const auto number = next_stream_++;
  auto& s = streams_[number];
  s.ends[0] = {from.slot, from.life, d.id, true};
  s.ends[1].open = false;
  stream_numbers_[{from.slot, from.life, d.id}] = number;
  const auto to = members::parse_address(d.address);
  connect_stream(number, d.first, to ? slot_of_ip(to->ip) : ends());
}

void world::connect_stream(uint64_t number, std::string first, uint32_t to) {
  schedule(random_.between(100, 2 * ms), "dial", to < ends() ? to : 0, [this, number, first = std::move(first), to] {
    const auto at = streams_.find(number);
    if (at == streams_.end()) return;
    auto& s = at->second;
    const auto from = s.ends[0].slot;
    if (to == ends()) return; // nothing answers there, until the pool has waited long enough
    if (network_.is_cut(from, to) || network_.is_cut(to, from))
      return schedule(syn_again, "dial again", to, [this, number, first, to] { connect_stream(number, first, to); });
    const auto* pool = pool_of(to);
    if (!pool || !pool->inbox->to) return end_stream(number, 0, gossip::stream_end::refused);
    ++result_.streams;
    s.connected = true;
    s.ends[1] = {to, site_of(to).life, gossip::accepted_bit | ++accepted_, true};
    stream_numbers_[{to, s.ends[1].life, s.ends[1].id}] = number;
    const auto ip = from < most_servers ? servers_[from].hello.address.substr(0, servers_[from].hello.address.find(':')) : client_at(from).ip;
    auto peer = address_of(ip);
    peer.port = static_cast<uint16_t>(20000 + number % 40000);
    enter(to, s.ends[1].life, "accepted", [this, to, id = s.ends[1].id, peer] { pool_of(to)->tell(gossip::stream_accepted{id, peer}); });
    s.ways[0].push_back({first, false});
    move_stream(number, 0);
  });
}

void world::write(machine& from, const gossip::stream_write& w) {
  const auto [number, end] = stream_at(from, w.id);
  if (number == 0) return;
  auto& way = streams_.at(number).ways[static_cast<size_t>(end)];
  way.push_back({w.bytes, false});
  way.push_back({{}, true});
  move_stream(number, end);
}

void world::close(machine& from, const gossip::stream_close& c) {
  const auto [number, end] = stream_at(from, c.id);
  if (number == 0) return;
  auto& s = streams_.at(number);
  s.ends[static_cast<size_t>(end)].open = false;
  stream_numbers_.erase({from.slot, from.life, c.id});
  if (!s.ends[1 - static_cast<size_t>(end)].open) return void(streams_.erase(number));
  s.ways[static_cast<size_t>(end)].push_back({{}, true});
  move_stream(number, end);
}

// One piece at a time, so that they stay in order.
void world::move_stream(uint64_t number, int way) {
  auto& s = streams_.at(number);
  const auto w = static_cast<size_t>(way);
  if (s.moving[w] || s.ways[w].empty() || !s.connected) return;
  s.moving[w] = true;
  const auto from = s.ends[w].slot, to = s.ends[1 - w].slot;
  schedule(network_.is_cut(from, to) ? segment_again : random_.between(50, 2 * ms), "stream", to, [this, number, way, w, from, to] {
    const auto at = streams_.find(number);
    if (at == streams_.end()) return;
    auto& moved = at->second;
    moved.moving[w] = false;
    const auto& end = moved.ends[1 - w];
    if (!end.open) return moved.ways[w].clear();
    if (network_.is_cut(from, to)) return move_stream(number, way);
    auto piece = std::move(moved.ways[w].front());
    moved.ways[w].pop_front();
    if (piece.last) return end_stream(number, 1 - way, gossip::stream_end::after_connecting);
    enter(to, end.life, "stream", [this, to, id = end.id, bytes = std::move(piece.bytes)] {
      const auto* pool = pool_of(to);
      if (!pool->backlog || !pool->backlog->put(0, bytes.size())) return;
      pool->tell(gossip::stream_bytes{id, 0, bytes});
    });
    move_stream(number, way);
  });
}

// That end hears that it is over.
void world::end_stream(uint64_t number, int which, gossip::stream_end how) {
  auto& s = streams_.at(number);
  auto& end = s.ends[static_cast<size_t>(which)];
  const auto told = end;
  end.open = false;
  stream_numbers_.erase({told.slot, told.life, told.id});
  if (told.open)
    enter(told.slot, told.life, "stream ended", [this, slot = told.slot, id = told.id, how] { pool_of(slot)->tell(gossip::stream_ended{id, how}); });
  if (!s.ends[0].open && !s.ends[1].open) streams_.erase(number);
}

// A process is gone. Its kernel says so for it, unless that is gone, too.
void world::lose_streams(uint32_t slot, bool silently) {
  for (auto at = streams_.begin(); at != streams_.end();) {
    const auto number = at->first;
    auto& s = (at++)->second;
    for (size_t i = 0; i < 2; ++i) {
      if (s.ends[i].slot != slot || !s.ends[i].open) continue;
      s.ends[i].open = false;
      stream_numbers_.erase({slot, s.ends[i].life, s.ends[i].id});
      if (!silently && s.ends[1 - i].open) {
        s.ways[i].clear();
        s.ways[i].push_back({{}, true});
        move_stream(number, static_cast<int>(i));
      }
    }
    if (!s.ends[0].open && !s.ends[1].open) streams_.erase(number);
  }
}

} // namespace actord::sim::whole
