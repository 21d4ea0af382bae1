// Clients of the HTTP front: each has one operation under way. What the front of a server does with it is done here with
// the same messages and by the same rule (node_status::sees_everything).
#include "storage/command/commands.hpp"
#include "storage/model/kv_entry.hpp"
#include "tests/sim/whole/world.hpp"
#include <caf/send.hpp>
#include <charconv>

namespace actord::sim::whole {

namespace {

std::string key_name(uint8_t key) { return "key-" + std::to_string(key); }

uint32_t number_in(std::string_view text) {
  uint32_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

std::string_view op_of(verb v) {
  switch (v) {
  case verb::get: return kv_get;
  case verb::set: return kv_set;
  case verb::erase: return kv_delete;
  case verb::cas: return kv_cas;
  case verb::erase_cas: return kv_delete_cas;
  }
  return {};
}

std::string command_of(const client_operation& op) {
  if (!op.what.in_transaction) {
    const auto& s = op.what.steps[0];
    const auto value = s.value == 0 ? std::string() : std::to_string(s.value);
    return encode_kv_command(op_of(s.what), key_name(s.key), value, 0, op.cas_index[0]);
  }
  txn_request t;
  t.datacenter = "dc1";
  for (size_t i = 0; i < op.what.count; ++i) {
    const auto& s = op.what.steps[i];
    txn_kv_op kv;
    kv.verb = op_of(s.what);
    kv.entry.key = key_name(s.key);
    if (s.value != 0) kv.entry.value = std::to_string(s.value);
    kv.entry.modify_index = op.cas_index[i];
    t.ops.emplace_back().kv = std::move(kv);
  }
  return encode_command(command_kind::txn, t);
}

} // namespace

void world::draw_operation(client_operation& op, uint64_t number) {
  const auto draw_step = [&](size_t i, uint8_t key, uint64_t dice) {
    step& s = op.what.steps[i];
    s.key = key;
    s.what = dice < 45 ? verb::get : dice < 70 ? verb::set : dice < 85 ? verb::cas : dice < 93 ? verb::erase : verb::erase_cas;
    if (s.what == verb::set || s.what == verb::cas) s.value = static_cast<uint32_t>(number * 2 + i);
    if (s.what == verb::cas || s.what == verb::erase_cas) {
      s.expected = known_[key].first;
      op.cas_index[i] = known_[key].second;
      if (s.what == verb::erase_cas && s.expected == 0) s.what = verb::erase;
    }
  };
  op.what.in_transaction = random_.chance(0.2);
  if (op.what.in_transaction) {
    op.what.count = 2;
    const auto dice = random_.chance(0.3) ? 0 : random_.below(100); // some only read
    for (uint8_t i = 0; i < 2; ++i) draw_step(i, static_cast<uint8_t>(first_paired_key + i), dice == 0 ? 0 : random_.below(100));
  } else {
    draw_step(0, static_cast<uint8_t>(random_.below(key_count)), random_.below(100));
  }
  const auto dice = random_.below(10);
  op.mode = dice < 6 ? read_mode::leader : dice < 8 ? read_mode::consistent : read_mode::stale;
}

void world::start_operation(uint32_t client) {
  if (running_[client] != 0) return;
  client_operation op;
  const auto number = operations_.size() + 1;
  if (load_) {
    op.slot = leader_or_any();
    draw_operation(op, number);
    return begin(client, std::move(op));
  }
  // The closing round: each client writes through one server and reads everything back, until it is told so.
  auto& left = final_left_[client];
  if (left == 0) return;
  op.slot = any_started();
  op.mode = read_mode::consistent;
  op.closing = true;
  op.what.steps[0].key = static_cast<uint8_t>(left % key_count);
  if (left == 1 + key_count) {
    op.what.steps[0].what = verb::set;
    op.what.steps[0].value = static_cast<uint32_t>(number * 2);
  }
  begin(client, std::move(op));
}

void world::begin(uint32_t client, client_operation op) {
  const auto number = operations_.size() + 1;
  op.client = client;
  op.command = command_of(op);
  op.what.invoked = ++stamp_;
  running_[client] = number;
  const auto slot = op.slot;
  operations_.push_back(std::move(op));
  schedule(random_.between(50, 3 * ms), "request", slot, [this, number, slot] {
    auto& s = servers_[slot];
    if (!s.up) return finish(number, false, true, false); // nobody listens there
    visit(slot, s.life, "request", [this, number](node& n) {
      if (!operations_[number - 1].settled) request(number, n);
    });
  });
  schedule(random_.between(2 * second, 20 * second), "client gives up", slot, [this, number] { give_up(number); });
}

// What api/http does with a request.
void world::request(uint64_t number, node& n) {
  auto& op = operations_[number - 1];
  op.life = n.plan.life;
  const auto& status = *n.status;
  const bool current = status.sees_everything(n.clock_nanos(), op.mode == read_mode::consistent);
  if (op.what.only_reads()) {
    if (op.mode == read_mode::stale && !op.what.in_transaction) {
      if (status.catching_up.load()) return finish(number, false, true, false);
      return read_now(number, n);
    }
    if (current) {
      ++result_.reads_at_once;
      return read_now(number, n);
    }
    if (!op.what.in_transaction) {
      read_wanted r;
      r.id = number;
      r.confirm = op.mode == read_mode::consistent;
      r.reply_to = caf::actor_cast<caf::strong_actor_ptr>(n.front);
      return caf::anon_send(n.raft, std::move(r));
    }
  }
  proposals p;
  p.batch.push_back({number, op.command});
  p.reply_to = caf::actor_cast<caf::strong_actor_ptr>(n.front);
  caf::anon_send(n.raft, std::move(p));
}

void world::read_now(uint64_t number, node& n) {
  auto& op = operations_[number - 1];
  const auto slot = n.plan.slot;
  bool done = true;
  auto view = n.views->open();
  const auto applied = view.applied_index();
  for (size_t i = 0; i < op.what.count; ++i) {
    auto& s = op.what.steps[i];
    kv_entry found;
    query_meta meta;
    const bool there = view.kv_get(key_name(s.key), found, meta);
    s.seen = there ? number_in(found.value) : 0;
    done = done && (there || !op.what.in_transaction);
    note_read(slot, s, applied, there ? found.modify_index : 0);
    if (there && op.mode != read_mode::stale) known_[s.key] = {s.seen, found.modify_index};
    if (!there && op.mode != read_mode::stale) known_[s.key] = {};
  }
  if (op.mode == read_mode::stale && !op.what.in_transaction) {
    ++result_.stale_reads;
    return finish(number, false, true, false); // promises no order
  }
  finish(number, true, true, done);
}

void world::allowed(node& at, const reads_allowed& r) {
  for (auto number : r.ids) {
    if (number >= first_remote_call) {
      if (r.failure.code == errc::none) answer_reads(number - first_remote_call, at);
      else answer_call(number - first_remote_call, r.failure.text, {});
      continue;
    }
    auto& op = operations_[number - 1];
    if (op.life != at.plan.life || op.slot != at.plan.slot) return fail("a read is allowed that was not asked for, or twice");
    if (r.failure.code != errc::none) {
      finish(number, false, true, false);
      continue;
    }
    ++result_.reads_asked;
    read_now(number, at);
  }
}

void world::settled(node& at, const proposals_done& d) {
  for (auto& outcome : d.outcomes) {
    if (outcome.id >= first_new_command) {
      new_command_settled(outcome.result);
      continue;
    }
    if (outcome.id >= first_meddling) continue;
    if (outcome.id >= first_remote_call) {
      call_settled(outcome.id - first_remote_call, outcome.result);
      continue;
    }
    if (outcome.id > operations_.size()) {
      lock_settled(at, outcome.id, outcome.result);
      continue;
    }
    auto& op = operations_[outcome.id - 1];
    const auto& r = outcome.result;
    if (op.life != at.plan.life || op.slot != at.plan.slot) return fail("a write is answered that was not asked for, or twice");
    if (r.failure.code == errc::unknown_outcome) {
      ++result_.unknown;
      finish(outcome.id, false, false, false);
      continue;
    }
    if (r.failure.code != errc::none) {
      finish(outcome.id, false, true, false);
      continue;
    }
    note_ack(at.plan.slot, op.command, r);
    bool done = r.value;
    if (op.what.in_transaction) {
      done = r.txn && r.txn->errors.empty();
      size_t row = 0;
      for (size_t i = 0; done && i < op.what.count; ++i) {
        auto& s = op.what.steps[i];
        if (s.what != verb::get) {
          row += s.what == verb::set || s.what == verb::cas;
          continue;
        }
        if (row >= r.txn->results.size() || !r.txn->results[row].kv) return fail("a transaction's answer lacks a result");
        s.seen = number_in(r.txn->results[row++].kv->value);
      }
    } else if (done && op.what.steps[0].value != 0) {
      known_[op.what.steps[0].key] = {op.what.steps[0].value, r.index};
    }
    finish(outcome.id, true, true, done);
  }
}

// The front's answer goes to the client. `known` false: it says that the outcome is not known.
void world::finish(uint64_t number, bool answered, bool known, bool done) {
  auto& op = operations_[number - 1];
  op.life = 0;
  schedule(random_.between(50, 3 * ms), "answered", op.slot, [this, number, answered, known, done] {
    auto& o = operations_[number - 1];
    if (o.settled) return;
    if (!known) return give_up(number);
    o.settled = true;
    o.counts = answered;
    if (answered) {
      o.what.done = done;
      o.what.returned = ++stamp_;
      if (!o.what.only_reads()) ++result_.acknowledged;
      if (!load_ && !o.what.only_reads() && writable_at_ == never) writable_at_ = now();
      if (o.closing && final_left_[o.client] > 0) --final_left_[o.client];
    }
    running_[o.client] = 0;
    const auto pause = !load_ ? random_.between(1, 200) * ms : random_.between(1, answered ? 150 : 400) * ms;
    schedule(pause, "client", 0, [this, client = o.client] { start_operation(client); });
  });
}

// The client goes on without an answer: a write may have taken effect, or will.
void world::give_up(uint64_t number) {
  auto& op = operations_[number - 1];
  if (op.settled) return;
  op.settled = true;
  op.counts = !op.what.only_reads();
  running_[op.client] = 0;
  schedule(random_.between(1, 300) * ms, "client", 0, [this, client = op.client] { start_operation(client); });
}

} // namespace actord::sim::whole
