// Receiving a snapshot: pieces go to the disk's thread, and what is written there is acknowledged. One comes at a time;
// it stays for a while when its connection breaks, so that the sender can go on.
#include "actors/peers/peers_state.hpp"
#include "actors/raft/core/wire.hpp"
#include "runtime/base/disk_room.hpp"
#include "runtime/base/log.hpp"

namespace actord::peer {

namespace {

constexpr uint64_t max_unwritten = 8 << 20; // our senders stay far below
constexpr int64_t keep_partial_ms = 120000;

} // namespace

void peers_state::give_up_receiving(const std::string& why) {
  if (!incoming) return;
  const auto r = std::move(*incoming);
  incoming.reset();
  log::warn(log_name, "giving up a snapshot that was coming: from={} index={} bytes={} error=\"{}\"", r.from, r.install.log_index.v, r.written, why);
  self->send(disk, disk_forget{r.transfer, r.path});
  if (auto* l = find(r.link)) refuse(*l, why);
}

bool peers_state::take_begin(link& l, std::string_view body) {
  auto b = decode_snapshot_begin(body);
  auto install = b ? raft::decode(b->install) : result<raft::message>(b.err());
  if (!install || b->transfer == 0 || install->from != l.said.id || install->to != setup.self.id) {
    refuse(l, install ? "a snapshot for another server" : install.err().text);
    return false;
  }
  if (b->transfer == received_transfer) { // only our last word was lost
    push(l, lane::control, encode(snapshot_ack{b->size, true}));
    return true;
  }
  if (incoming && incoming->transfer == b->transfer && incoming->from == l.said.id && incoming->size == b->size) {
    const auto old = std::exchange(incoming->link, l.number);
    incoming->touched = now();
    push(l, lane::control, encode(snapshot_ack{incoming->taken, false}));
    const auto number = l.number;
    if (auto* before = old == number ? nullptr : find(old)) close(*before);
    return find(number) != nullptr;
  }
  if (incoming && find(incoming->link) != nullptr && install->term < incoming->install.term) {
    refuse(l, "a newer leader's snapshot is on its way");
    return false;
  }
  if (auto room = room_for(setup.data_dir, b->size); !room) {
    if (once_a_minute("no room " + l.said.id)) log::err(log_name, "there is no room for the snapshot that {} sends: error=\"{}\"", l.said.name, room.err().text);
    refuse(l, room.err().text);
    return false;
  }
  give_up_receiving("another one takes its place");
  auto& r = incoming.emplace();
  r.from = l.said.id;
  r.transfer = b->transfer;
  r.size = b->size;
  r.install = std::move(*install);
  r.link = l.number;
  r.path = setup.data_dir + "/snapshot-in-" + std::to_string(++next_file) + ".part";
  r.touched = now();
  log::info(log_name, "a snapshot is coming: from={} index={} bytes={}", r.from, r.install.log_index.v, r.size);
  push(l, lane::control, encode(snapshot_ack{0, false}));
  return true;
}

bool peers_state::take_chunk(link& l, std::string_view body) {
  auto c = decode_snapshot_chunk(body);
  if (!incoming || incoming->link != l.number) return true; // of one that was given up; the refusal is on its way
  auto& r = *incoming;
  if (!c || c->offset != r.taken || c->bytes.size() > r.size - r.taken || r.taken - r.written > max_unwritten) {
    log::warn(log_name, "a piece of a snapshot that does not fit: from={}", l.said.name);
    close(l);
    return false;
  }
  r.touched = now();
  r.taken += c->bytes.size();
  self->send(disk, disk_write{r.transfer, c->offset, r.path, std::string(c->bytes), false});
  return true;
}

bool peers_state::take_done(link& l) {
  if (!incoming || incoming->link != l.number) return true;
  auto& r = *incoming;
  if (r.taken != r.size) {
    close(l);
    return false;
  }
  if (!std::exchange(r.finishing, true)) self->send(disk, disk_write{r.transfer, r.size, r.path, {}, true});
  return true;
}

void peers_state::was_written(const disk_write_done& d) {
  if (!incoming || incoming->transfer != d.transfer) return;
  auto& r = *incoming;
  if (d.failure.code != errc::none) {
    give_up_receiving(d.failure.text);
    return;
  }
  r.written = d.written;
  r.touched = now();
  auto* l = find(r.link);
  if (l != nullptr && l->at == link::stage::open) push(*l, lane::control, encode(snapshot_ack{d.written, d.last}));
  if (!d.last) return;
  log::info(log_name, "a snapshot has arrived: from={} index={} bytes={}", r.from, r.install.log_index.v, r.size);
  received_transfer = r.transfer;
  self->send(raft, snapshot_arrived{std::move(r.install), std::move(r.path)});
  incoming.reset();
}

void peers_state::watch_receiving(int64_t t) {
  if (incoming && find(incoming->link) == nullptr && t - incoming->touched > keep_partial_ms) give_up_receiving("its sender does not come back");
}

} // namespace actord::peer
