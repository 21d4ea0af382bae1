// Who the other side is, and what its frames mean.
#include "actors/peers/peers_state.hpp"
#include "actors/raft/core/wire.hpp"
#include "runtime/base/log.hpp"

namespace actord::peer {

namespace {

constexpr size_t question_overhead = 512; // bytes
constexpr size_t accepted_per_server = 4; // while one is being replaced by the next, and those a restart left behind

server_hello in_process(const hello& h) {
  return {h.id, h.name, h.address, h.datacenter, static_cast<int>(h.bootstrap_expect), h.non_voter, h.command_level, h.bootstrapped, h.known, h.members};
}

} // namespace

bool peers_state::take_frame(uint64_t number, frame_kind kind, std::string_view body) {
  auto* l = find(number);
  if (l == nullptr || l->at == link::stage::closing) return false;
  if (kind == frame_kind::hello) return take_hello(*l, body);
  if (kind == frame_kind::refused && l->outgoing) {
    auto text = decode_refused(body);
    if (once_a_minute("refused by " + l->address)) log::warn(log_name, "a server refuses to talk to us: address={} reason=\"{}\"", l->address, text ? *text : text.err().text);
    if (auto it = sendings.find(l->wanted); it != sendings.end() && it->second.link == number)
      end_sending(server_id(l->wanted), false, text ? *text : text.err().text); // closes the connection
    else
      close(*l);
    return false;
  }
  if (l->at != link::stage::open) {
    close(*l); // the first frame is a hello
    return false;
  }
  switch (kind) {
  case frame_kind::messages:
    if (!l->outgoing && l->purpose == purpose::raft) take_messages(*l, body);
    break;
  case frame_kind::question:
    if (auto n = decode_numbered(body); n && !l->outgoing) {
      const size_t bytes = n->body.size() + question_overhead;
      if (!l->unanswered.emplace(n->id, bytes).second) break; // asked already
      if ((l->unanswered_bytes += bytes) > setup.max_unanswered_bytes) {
        if (once_a_minute("asks too much " + l->said.id)) log::warn(log_name, "closing a server's connection, which asks more than is answered: server={} address={}", l->said.name, l->address);
        close(*l);
        return false;
      }
      self->send(raft, peer_question{l->said.id, number, n->id, std::move(n->body)});
    }
    break;
  case frame_kind::answer:
    if (auto n = decode_numbered(body)) {
      auto q = questions.find(n->id);
      if (q != questions.end() && q->second.link == number) settle_ask(n->id, {}, std::move(n->body));
    }
    break;
  case frame_kind::ping: push(*l, lane::control, encode_empty(frame_kind::pong)); break;
  case frame_kind::snapshot_begin:
  case frame_kind::snapshot_chunk:
  case frame_kind::snapshot_done:
    if (l->outgoing || l->purpose != purpose::snapshot) break;
    if (kind == frame_kind::snapshot_begin) return take_begin(*l, body);
    return kind == frame_kind::snapshot_chunk ? take_chunk(*l, body) : take_done(*l);
  case frame_kind::snapshot_ack:
    if (auto a = decode_snapshot_ack(body)) take_ack(*l, *a);
    break;
  default: break; // pong has done its work by coming; others are a newer server's
  }
  return find(number) != nullptr;
}

std::string peers_state::refusal_of(const hello& h) const {
  if (h.version_min > highest_version || h.version_max < lowest_version)
    return "we speak versions " + std::to_string(lowest_version) + " to " + std::to_string(highest_version) + ", not " + std::to_string(h.version_min) + " to " + std::to_string(h.version_max);
  if (h.datacenter != setup.self.datacenter) return "this is datacenter \"" + setup.self.datacenter + "\", not \"" + h.datacenter + "\"";
  if (h.id == setup.self.id && (h.address != setup.self.address || h.name != setup.self.name)) return "two servers have the node id " + h.id + ": \"" + setup.self.name + "\" and \"" + h.name + "\"";
  return {};
}

bool peers_state::take_hello(link& l, std::string_view body) {
  auto h = decode_hello(body);
  if (!h) {
    log::debug(log_name, "closing a connection: address={} error=\"{}\"", l.address, h.err().text);
    close(l);
    return false;
  }
  if (l.at == link::stage::open) { // the other side has changed
    if (h->id != l.said.id || h->purpose != l.purpose) {
      close(l);
      return false;
    }
    if (*h == l.said) return true;
    l.said = std::move(*h);
    if (l.purpose == purpose::raft) self->send(raft, peer_said{in_process(l.said), l.outgoing});
    return true;
  }
  l.said = std::move(*h);
  if (auto why = refusal_of(l.said); !why.empty()) {
    if (once_a_minute("refuse " + l.said.id)) log::warn(log_name, "refusing a server: server={} address={} reason=\"{}\"", l.said.name, l.address, why);
    if (l.outgoing)
      close(l);
    else
      refuse(l, why);
    return false;
  }
  return l.outgoing ? greet_dialled(l) : greet_accepted(l);
}

bool peers_state::greet_accepted(link& l) {
  const auto number = l.number;
  l.purpose = l.said.purpose;
  l.at = link::stage::open;
  l.out = fresh_outbox();
  push(l, lane::control, encode(own_hello(l.purpose)));
  if (l.said.id == setup.self.id) return true; // ourselves; the dialling end closes
  plan->heard_of(l.said.id, now());
  const auto same = weigh([&l](const link& other) -> size_t { return other.at == link::stage::open && other.said.id == l.said.id && other.purpose == l.purpose; });
  if (same.all > accepted_per_server) close(*same.goes);
  bound_accepted();
  if (find(number) == nullptr) return false; // it was itself the oldest
  if (l.purpose == purpose::raft) {
    log::debug(log_name, "a server has connected: server={} address={}", l.said.name, l.address);
    self->send(raft, peer_said{in_process(l.said), false});
  }
  return true;
}

bool peers_state::greet_dialled(link& l) {
  if (l.purpose == purpose::snapshot) return greet_receiver(l);
  const auto number = l.number;
  const auto target = l.target;
  const auto verdict = plan->greeted(target, l.said.id, now());
  if (verdict == dial_plan::verdict::ready) {
    l.at = link::stage::open;
    routes[l.said.id] = number;
    log::info(log_name, "connected to a server: server={} address={}", l.said.name, l.address);
    self->send(raft, peer_said{in_process(l.said)});
    return true;
  }
  if (verdict == dial_plan::verdict::stranger) {
    if (once_a_minute("stranger " + l.address))
      log::warn(log_name, "another server than expected answers: address={} expected={} found={}", l.address, l.wanted, l.said.id);
    self->send(raft, peer_said{in_process(l.said), false});
  }
  l.target = 0; // the plan knows already
  close(l);
  return false;
}

void peers_state::take_messages(link& l, std::string_view body) {
  auto bodies = decode_messages(body);
  if (!bodies) {
    if (once_a_minute("decode " + l.said.id)) log::warn(log_name, "dropping what a server sent: server={} error=\"{}\"", l.said.name, bodies.err().text);
    return;
  }
  for (auto b : *bodies) {
    auto m = raft::decode(b);
    if (!m) {
      if (once_a_minute("decode " + l.said.id)) log::warn(log_name, "dropping a message of a server: server={} error=\"{}\"", l.said.name, m.err().text);
      continue;
    }
    // Nobody speaks for others, and what was meant for whoever had this address before us is not for us.
    if (m->from != l.said.id || m->to != setup.self.id) continue;
    received_messages.messages.push_back(std::move(*m));
  }
}

void peers_state::flush_received() {
  if (!received_messages.messages.empty()) self->send(raft, std::exchange(received_messages, {}));
}

} // namespace actord::peer
