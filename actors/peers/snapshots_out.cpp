// Sending a snapshot: a connection of its own, a window of bytes the other side has not yet written, and going on where
// a broken connection left off.
#include "actors/peers/peers_state.hpp"
#include "actors/raft/core/wire.hpp"
#include "actors/messages/remind.hpp"
#include "runtime/base/log.hpp"
#include <utility>

namespace actord::peer {

namespace {

constexpr size_t chunk_size = 64 << 10;
constexpr uint64_t window = 4 << 20; // so that the line goes on while the receiver syncs

} // namespace

void peers_state::send_snapshot(const peers_send_snapshot& m) {
  if (auto old = sendings.find(m.to); old != sendings.end()) end_sending(m.to, false, "another one takes its place");
  auto& s = sendings[m.to];
  s.install = m.install;
  s.transfer = random();
  s.progress = s.begun_at = now();
  self->send(disk, disk_open{s.transfer, m.path});
}

void peers_state::end_sending(const server_id& to, bool arrived, const std::string& why) {
  auto it = sendings.find(to);
  if (it == sendings.end()) return;
  const auto s = std::move(it->second);
  sendings.erase(it);
  if (arrived)
    log::info(log_name, "sent a snapshot: server={} index={} bytes={} ms={} bytes_per_second={}", to, s.install.log_index.v, s.size, now() - s.begun_at,
              s.pace ? s.pace->rate() : 0);
  else
    log::warn(log_name, "could not send a snapshot: server={} index={} error=\"{}\"", to, s.install.log_index.v, why);
  self->send(disk, disk_forget{s.transfer, {}});
  self->send(raft, snapshot_was_sent{to, s.install.log_index, arrived});
  if (auto* l = find(s.link)) close(*l);
}

void peers_state::connect_sending(const server_id& to, sending& s) {
  s.progress = now();
  const auto address = plan->address_of(to);
  auto* l = address.empty() ? nullptr : open_link(address);
  if (l == nullptr) {
    retry_sending(to, s, "no connection");
    return;
  }
  s.link = l->number;
  l->purpose = purpose::snapshot;
  l->wanted = to;
  push(*l, lane::control, std::string(1, static_cast<char>(stream_type)) + encode(own_hello(purpose::snapshot)));
}

// The connection is gone, or there was none.
void peers_state::retry_sending(const server_id& to, sending& s, const std::string& why) {
  s.link = 0;
  s.begun = s.reading = s.finished = false;
  if (++s.failures >= setup.snapshot_attempts) {
    end_sending(to, false, why);
    return;
  }
  s.next_try = now() + std::min<int64_t>(5000, 100LL << std::min(s.failures, 6U));
}

bool peers_state::greet_receiver(link& l) {
  auto it = sendings.find(l.wanted);
  if (it == sendings.end() || it->second.link != l.number || l.said.id != l.wanted) {
    close(l);
    return false;
  }
  l.at = link::stage::open;
  auto& s = it->second;
  snapshot_begin begin{s.transfer, s.size, {}};
  raft::encode(s.install, begin.install);
  push(l, lane::control, encode(begin));
  return true;
}

void peers_state::take_ack(link& l, const snapshot_ack& a) {
  auto it = sendings.find(l.wanted);
  if (!l.outgoing || it == sendings.end() || it->second.link != l.number) return;
  auto& s = it->second;
  if (a.done) {
    end_sending(server_id(l.wanted), true, {});
    return;
  }
  if (a.offset > s.size || (s.begun && (a.offset < s.acked || a.offset > s.queued))) {
    close(l);
    return;
  }
  if (!s.begun) {
    s.begun = true;
    s.queued = a.offset;
  }
  if (a.offset > s.best) {
    s.best = a.offset;
    s.failures = 0;
  }
  s.acked = a.offset;
  s.progress = now();
  fill_window(l, it->first, s);
}

// What the pace holds back goes when its time has come.
bool peers_state::may_read(const server_id& to, sending& s) {
  const auto t = now_us();
  const auto waits = setup.writes ? setup.writes->log_waits_since() : 0;
  if (!s.pace) s.pace.emplace(snapshot_pace::options{}, t, calm_writes.p99(), writes_so_far());
  else s.pace->look(t, writes_so_far(), waits == 0 ? 0 : t - waits, s.acked);
  if (s.pace->take(t, chunk_size)) return true;
  if (!std::exchange(s.waiting, true)) remind(self, std::chrono::microseconds(s.pace->wait_us(chunk_size)), snapshot_turn{to, s.transfer});
  return false;
}

void peers_state::take_turn(const snapshot_turn& t) {
  auto it = sendings.find(t.to);
  if (it == sendings.end() || it->second.transfer != t.transfer) return;
  it->second.waiting = false;
  if (auto* l = find(it->second.link); l != nullptr && it->second.begun) fill_window(*l, t.to, it->second);
}

void peers_state::fill_window(link& l, const server_id& to, sending& s) {
  if (s.queued < s.size) {
    if (s.reading || s.waiting || s.queued - s.acked >= window || !may_read(to, s)) return;
    s.reading = true;
    self->send(disk, disk_read{s.transfer, l.number, s.queued, chunk_size});
  } else if (!s.finished) {
    s.finished = true;
    push(l, lane::entries, encode_empty(frame_kind::snapshot_done));
  }
}

void peers_state::was_read(disk_read_done& d) {
  auto it = std::find_if(sendings.begin(), sendings.end(), [&](auto& s) { return s.second.transfer == d.transfer; });
  if (it == sendings.end()) return;
  auto& [to, s] = *it;
  if (d.failure.code != errc::none) {
    end_sending(server_id(to), false, d.failure.text);
    return;
  }
  if (d.opened) {
    s.size = d.offset;
    s.opened = true;
    connect_sending(server_id(to), s);
    return;
  }
  auto* l = find(d.link);
  if (l == nullptr || s.link != d.link || l->at != link::stage::open || d.offset != s.queued) return;
  s.reading = false;
  push(*l, lane::entries, encode(snapshot_chunk{d.offset, d.bytes}));
  s.queued += d.bytes.size();
  fill_window(*l, to, s);
}

void peers_state::watch_sendings(int64_t t) {
  if (sendings.empty()) calm_writes.look(now_us(), writes_so_far());
  else calm_writes.skip(now_us(), writes_so_far());
  std::vector<server_id> names;
  for (const auto& [to, s] : sendings) names.push_back(to);
  for (const auto& to : names) {
    auto it = sendings.find(to);
    if (it == sendings.end() || !it->second.opened) continue;
    auto& s = it->second;
    if (plan->address_of(to).empty()) {
      end_sending(to, false, "the server is not wanted any more");
    } else if (s.link == 0) {
      if (s.next_try <= t) connect_sending(to, s);
    } else if (auto* l = find(s.link); l != nullptr) {
      if (t - s.progress > setup.snapshot_stall.count() * (s.finished ? 6 : 1)) {
        close(*l); // and try again
      } else if (s.begun) {
        fill_window(*l, to, s);
      }
    }
  }
}

} // namespace actord::peer
