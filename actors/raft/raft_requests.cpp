// Requests that need the leader: carried out here when this server leads, else asked of the one that does, else held.
// What may have been written is never tried twice (its outcome is reported as unknown); what was not is.
#include "actors/raft/disk_reader.hpp"
#include "actors/raft/raft_state.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

namespace actord {

namespace {
constexpr size_t max_held = 1 << 16;
const error no_leader{errc::no_leader, "No cluster leader"};

raft::question_kind kind_of(const raft::question& q) { return static_cast<raft::question_kind>(q.kind); }
} // namespace

// ---- writes ------------------------------------------------------------------------------------------------------

void raft_state::propose(proposals& p) {
  const auto now = clock_now();
  if (core_->is_leader() || unwritable_.code != errc::none) {
    for (auto& one : p.batch) submit(std::move(one.command), {one.id, p.reply_to, {}, now});
    return perform_effects();
  }
  std::vector<held_command> batch;
  batch.reserve(p.batch.size());
  for (auto& one : p.batch) batch.push_back({std::move(one.command), {one.id, p.reply_to, {}, now}});
  if (can_ask()) return forward(std::move(batch));
  for (auto& c : batch) hold(std::move(c.command), std::move(c.who));
}

void raft_state::propose(leader_proposals& p) {
  const bool leads = core_->is_leader() && !core_->is_transferring() && core_->term().v == p.term;
  if (leads || broken(rule::leader_ends_sessions)) return propose(p.what);
  apply_result refused;
  refused.failure = no_leader;
  for (auto& one : p.what.batch) {
    origin o{one.id, p.what.reply_to, {}, {}};
    finish(o, refused);
  }
}

caf::result<apply_outcome> raft_state::propose_one(std::string command) {
  auto p = self_->make_response_promise<apply_outcome>();
  submit(std::move(command), {0, nullptr, p, clock_now()});
  perform_effects();
  return p;
}

void raft_state::submit(std::string command, origin o) {
  if (unwritable_.code != errc::none || (stalled_.code != errc::none && core_->is_leader())) {
    apply_result failed;
    failed.failure = unwritable_.code != errc::none ? unwritable_ : stalled_;
    return finish(o, std::move(failed));
  }
  if (core_->is_leader() && refused_as_unreadable(command, o)) return;
  if (core_->is_leader() && core_->is_transferring()) {
    hold(std::move(command), std::move(o)); // for the next leader, or for us when it does not come
  } else if (core_->is_leader() && answered_here(command, o)) {
    return;
  } else if (core_->is_leader()) {
    const auto cookie = next_cookie_++;
    proposed_.add();
    if (broken(rule::answer_when_applied)) finish(o, {core_->last_index().v + 1, true, {}, {}, {}});
    else origins_.emplace(cookie, std::move(o));
    core_->propose(std::move(command), cookie); // a refusal comes out by drain()
  } else if (can_ask()) {
    std::vector<held_command> one;
    one.push_back({std::move(command), std::move(o)});
    forward(std::move(one));
  } else {
    hold(std::move(command), std::move(o));
  }
}

// What needs no log entry.
bool raft_state::answered_here(std::string& command, origin& o) {
  if (!setup_.answers) return false;
  apply_result r;
  switch (setup_.answers(command, clock_now(), status_->leader.load(), r)) {
  case own_answer::none: return false;
  case own_answer::later: hold(std::move(command), std::move(o)); return true;
  case own_answer::given: finish(o, std::move(r)); return true;
  }
  return false;
}

void raft_state::finish(origin& o, apply_result r) {
  if (o.reply_to) return caf::anon_send(caf::actor_cast<caf::actor>(o.reply_to), proposals_done{{{o.id, std::move(r)}}});
  if (auto* p = std::get_if<promise>(&o.sink)) {
    p->deliver(apply_outcome{std::move(r)});
  } else if (auto* slot = std::get_if<remote_slot>(&o.sink)) {
    auto at = batches_.find(slot->batch);
    if (at == batches_.end()) return;
    at->second.reply.outcomes[slot->at] = raft::to_record(r);
    if (--at->second.missing > 0) return;
    reply(at->second.connection, at->second.id, at->second.reply);
    batches_.erase(at);
  }
}

// Outcomes of what did not come from an I/O thread come back from the state actor as if we were one.
void raft_state::outcomes(proposals_done& d) {
  for (auto& outcome : d.outcomes) {
    auto at = sinks_.find(outcome.id);
    if (at == sinks_.end()) continue;
    origin o;
    o.sink = std::move(at->second);
    sinks_.erase(at);
    finish(o, std::move(outcome.result));
  }
}

void raft_state::hold(std::string command, origin o) {
  if (held_.size() < max_held && clock_now() - o.since < setup_.hold) return held_.push_back({std::move(command), std::move(o)});
  apply_result failed;
  failed.failure = no_leader;
  finish(o, std::move(failed));
}

void raft_state::retry_held() {
  if (!core_->is_leader() && !can_ask()) return;
  auto again = std::exchange(held_, {});
  if (broken(rule::held_once)) held_ = again;
  if (core_->is_leader()) {
    for (auto& c : again) submit(std::move(c.command), std::move(c.who));
  } else if (!again.empty()) {
    forward({std::make_move_iterator(again.begin()), std::make_move_iterator(again.end())});
  }
  for (auto& r : std::exchange(held_reads_, {})) {
    if (core_->is_leader()) ask_core(std::move(r));
    else gathered_reads_[r.confirm].push_back(std::move(r));
  }
  forward_reads(false);
  forward_reads(true);
}

void raft_state::expire_held(clock::time_point now) {
  retry_held();
  while (!held_.empty() && now - held_.front().who.since >= setup_.hold) {
    apply_result failed;
    failed.failure = no_leader;
    auto o = std::move(held_.front().who);
    held_.pop_front();
    finish(o, std::move(failed));
  }
  while (!held_reads_.empty() && now - held_reads_.front().since >= setup_.hold) {
    auto r = std::move(held_reads_.front());
    held_reads_.pop_front();
    refuse_read(r, no_leader);
  }
  std::erase_if(waiting_reads_, [&](waiting_read& w) {
    if (!w.reply_to || now - w.since < setup_.hold) return false; // our own, of catching up, goes on
    error late{errc::internal, "this server has not reached index " + std::to_string(w.index.v) + " in time: it is at " + std::to_string(status_->applied.load())};
    caf::anon_send(caf::actor_cast<caf::actor>(w.reply_to), reads_allowed{{w.id}, std::move(late)});
    return true;
  });
}

bool raft_state::can_ask() const {
  if (core_->is_leader() || core_->leader().empty() || !peers_) return false;
  auto at = seen_.find(core_->leader());
  return at != seen_.end() && at->second.connected;
}

uint64_t raft_state::ask(raft::question q, forwarded f) {
  const auto id = next_question_++;
  f.to = core_->leader();
  questions_.emplace(id, std::move(f));
  self_->send(peers_, peers_ask{core_->leader(), id, to_msgpack(q)});
  return id;
}

// Another server leads now: what the old leader was asked may or may not have happened, and waiting for it is of no use.
void raft_state::give_up_on_others(const server_id& leader) {
  std::vector<uint64_t> old;
  for (auto& [id, f] : questions_)
    if (f.to != leader && !f.digests && !f.room) old.push_back(id);
  for (auto id : old) {
    peer_answer a{id, {errc::unknown_outcome, "leadership lost while committing log"}, {}};
    answered(a);
  }
}

void raft_state::forward(std::vector<held_command> batch) {
  std::erase_if(batch, [&](held_command& c) { return refused_as_unreadable(c.command, c.who); });
  if (batch.empty()) return;
  raft::question q;
  q.kind = static_cast<uint64_t>(raft::question_kind::propose);
  for (auto& c : batch) q.commands.push_back(c.command);
  forwarded f;
  f.commands = std::move(batch);
  ask(std::move(q), std::move(f));
}

void raft_state::answered_propose(forwarded& f, peer_answer& a, raft::answer& said) {
  for (size_t i = 0; i < f.commands.size(); ++i) {
    auto& c = f.commands[i];
    apply_result r;
    if (a.failure.code != errc::none) r.failure = a.failure;
    else if (i < said.outcomes.size()) {
      r = raft::from_record(std::move(said.outcomes[i]));
      if (r.failure.code == errc::internal) r.failure.text.insert(0, "rpc error making call: "); // as Consul's followers pass it on
    }
    else r.failure = {said.code != 0 ? static_cast<errc>(said.code) : errc::unknown_outcome, said.text};
    const bool again = broken(rule::unknown_is_final) && r.failure.code == errc::unknown_outcome;
    if (r.failure.code == errc::no_leader || again) hold(std::move(c.command), std::move(c.who)); // nothing was written
    else finish(c.who, std::move(r));
  }
}

// ---- reads -------------------------------------------------------------------------------------------------------

void raft_state::read(read_wanted& r) {
  read_source s;
  s.id = r.id;
  s.reply_to = std::move(r.reply_to);
  s.confirm = r.confirm;
  s.at_least = r.at_least;
  s.since = clock_now();
  if (r.at_least > 0 && !r.confirm) return wait_for(s, raft_index{r.at_least});
  if (core_->is_leader()) {
    ask_core(std::move(s));
    return perform_effects();
  }
  if (broken(rule::follower_asks) && !core_->leader().empty()) return read_may(s, {});
  if (!can_ask()) return held_reads_.push_back(std::move(s));
  gathered_reads_[s.confirm].push_back(std::move(s));
  forward_reads(r.confirm);
}

// All reads that come while a question is under way share the next one.
void raft_state::forward_reads(bool confirm) {
  auto& gathered = gathered_reads_[confirm];
  if (gathered.empty() || reads_under_way_[confirm]) return;
  if (!can_ask()) {
    for (auto& r : std::exchange(gathered, {})) held_reads_.push_back(std::move(r));
    return;
  }
  reads_under_way_[confirm] = true;
  raft::question q;
  q.kind = static_cast<uint64_t>(raft::question_kind::read_index);
  q.confirm = confirm;
  forwarded f;
  f.reads = std::exchange(gathered, {});
  ask(std::move(q), std::move(f));
}

void raft_state::answered_reads(forwarded& f, peer_answer& a, raft::answer& said) {
  reads_under_way_[f.reads.front().confirm] = false;
  const bool confirm = f.reads.front().confirm;
  const bool failed = a.failure.code != errc::none || said.code != 0;
  for (auto& r : f.reads) {
    if (failed) held_reads_.push_back(std::move(r)); // reads may be asked again without harm
    else read_may(r, broken(rule::follower_waits) ? raft_index{} : raft_index{said.index});
  }
  if (!failed) forward_reads(confirm);
}

// What a lease lets a reader see without a round. Not what is applied here: a follower may have shown more by now.
raft_index raft_state::leased_index() const {
  const bool leads = status_->leader.load() && core_->is_leader();
  const auto now = std::chrono::duration_cast<nanos>(clock_now().time_since_epoch()).count();
  return leads && now < status_->lease_until.load() ? core_->commit_index() : raft_index{};
}

void raft_state::ask_core(read_source s) {
  if (!s.confirm) {
    if (auto at = leased_index(); at.v > 0) return read_may(s, at);
  }
  static auto& asked = telemetry::counter("raft.verify_leader");
  asked.add();
  const auto cookie = next_cookie_++;
  core_reads_.emplace(cookie, std::move(s));
  core_->read_index(cookie);
}

void raft_state::read_may(read_source& s, raft_index at) {
  static auto& confirmed = telemetry::sample("rpc.consistentRead");
  if (s.confirm && s.connection == 0) confirmed.record(std::chrono::duration<double, std::milli>(clock_now() - s.since).count());
  if (s.connection != 0) {
    raft::answer a;
    a.index = at.v;
    return reply(s.connection, s.question, a);
  }
  wait_for(s, at);
}

void raft_state::wait_for(read_source& s, raft_index at) {
  waiting_read w{std::max(at, raft_index{s.at_least}), s.id, std::move(s.reply_to), s.since};
  if (status_->applied.load() >= w.index.v) return allow(w);
  waiting_reads_.push_back(std::move(w));
}

void raft_state::allow(waiting_read& w) {
  if (w.reply_to) return caf::anon_send(caf::actor_cast<caf::actor>(w.reply_to), reads_allowed{{w.id}, {}});
  if (status_->catching_up.exchange(false)) log::info("agent.server", "caught up with the leader: index={}", w.index.v);
  if (auto whole = std::exchange(setup_.state_is_whole, nullptr)) whole();
}

// An empty server answers no stale reads before it has what the leader had when it was first asked, whether it is new or begins anew
// with its log; nor does one that others bring its state, whatever came of it before the last restart.
void raft_state::begin_catching_up() {
  const bool is_first = core_->last_index().v == 0 && core_->members().is_voter(core_->self());
  if (!setup_.state_is_whole && (!peers_ || status_->applied.load() > 0 || is_first)) return;
  status_->catching_up.store(true);
  ask_catching_up();
}

void raft_state::ask_catching_up() {
  read_source s;
  s.since = clock_now();
  held_reads_.push_back(std::move(s));
}

void raft_state::refuse_read(read_source& s, error why) {
  if (s.connection == 0 && !s.reply_to) return ask_catching_up(); // our own goes on until it is answered
  if (s.connection == 0) return caf::anon_send(caf::actor_cast<caf::actor>(s.reply_to), reads_allowed{{s.id}, std::move(why)});
  raft::answer a;
  a.code = static_cast<uint64_t>(why.code);
  a.text = why.text;
  reply(s.connection, s.question, a);
}

void raft_state::release_reads() {
  const auto applied = status_->applied.load();
  std::erase_if(waiting_reads_, [&](waiting_read& w) {
    if (w.index.v > applied) return false;
    allow(w);
    return true;
  });
}

// ---- between servers -----------------------------------------------------------------------------------------------

void raft_state::reply(uint64_t connection, uint64_t id, const raft::answer& a) {
  self_->send(peers_, peers_reply{connection, id, to_msgpack(a)});
}

void raft_state::question(peer_question& q) {
  raft::question asked;
  raft::answer no;
  no.code = static_cast<uint64_t>(errc::no_leader);
  no.text = no_leader.text;
  if (!from_msgpack(q.body, asked)) {
    no.code = static_cast<uint64_t>(errc::corrupt);
    no.text = "the question could not be read";
    return reply(q.connection, q.id, no);
  }
  if (kind_of(asked) == raft::question_kind::digests) return answer_digests(q);
  if (kind_of(asked) == raft::question_kind::room) return answer_room(q);
  if (!core_->is_leader()) return reply(q.connection, q.id, no); // the asker knows an older leader than we do
  switch (kind_of(asked)) {
  case raft::question_kind::propose: answer_propose(q, asked); break;
  case raft::question_kind::read_index: {
    read_source s;
    s.connection = q.connection;
    s.question = q.id;
    s.confirm = asked.confirm;
    ask_core(std::move(s));
    break;
  }
  case raft::question_kind::leader_info: return reply(q.connection, q.id, raft::to_answer(info()));
  case raft::question_kind::change:
  case raft::question_kind::transfer: {
    const auto batch = next_batch_++;
    auto& b = batches_[batch];
    b = {q.connection, q.id, 1, {}};
    b.reply.outcomes.resize(1);
    origin o;
    o.sink = remote_slot{batch, 0};
    o.since = clock_now();
    if (kind_of(asked) == raft::question_kind::change) {
      start_change({static_cast<membership_change::kind>(asked.change), asked.id, asked.address}, std::move(o));
    } else {
      apply_result r;
      (void)start_transfer(asked.id, r);
      finish(o, std::move(r));
    }
    break;
  }
  default:
    no.code = static_cast<uint64_t>(errc::bad_request);
    no.text = "the leader does not know this question";
    return reply(q.connection, q.id, no);
  }
  perform_effects();
}

void raft_state::answer_propose(peer_question& q, raft::question& asked) {
  if (asked.commands.empty()) return reply(q.connection, q.id, {});
  const auto batch = next_batch_++;
  auto& b = batches_[batch];
  b = {q.connection, q.id, asked.commands.size(), {}};
  b.reply.outcomes.resize(asked.commands.size());
  const auto now = clock_now();
  for (size_t i = 0; i < asked.commands.size(); ++i) submit(std::move(asked.commands[i]), {0, nullptr, remote_slot{batch, i}, now});
}

void raft_state::answered(peer_answer& a) {
  auto at = questions_.find(a.id);
  if (at == questions_.end()) return;
  auto f = std::move(at->second);
  questions_.erase(at);
  if (f.digests) return answered_digests(f, a);
  if (f.room) return answered_room(f, a);
  raft::answer said;
  if (a.failure.code == errc::none && !from_msgpack(a.body, said)) a.failure = {errc::unknown_outcome, "the leader's answer could not be read"};
  if (!f.commands.empty()) answered_propose(f, a, said);
  if (!f.reads.empty()) answered_reads(f, a, said);
  if (f.look) {
    if (a.failure.code != errc::none || said.code != 0) f.look->deliver(info());
    else f.look->deliver(raft::from_answer(std::move(said)));
  }
  if (f.change) {
    apply_outcome out;
    if (a.failure.code != errc::none) out.result.failure = a.failure;
    else if (!said.outcomes.empty()) out.result = raft::from_record(std::move(said.outcomes[0]));
    else out.result.failure = {static_cast<errc>(said.code), said.text};
    f.change->deliver(std::move(out));
  }
}

} // namespace actord
