// Whose logs can be written? A server whose own disk refuses, or that leads and sees nothing committed, asks the others. Where too few are left
// that can write, nobody commits anything and nobody is elected: whoever waits is told so at once.
#include "actors/raft/disk_reader.hpp"
#include "actors/raft/raft_state.hpp"
#include <caf/send.hpp>

namespace actord {

void raft_state::look_for_room(clock::time_point now) {
  const auto commit = core_->commit_index();
  if (commit != commit_seen_ || commit == core_->last_index()) commit_seen_ = commit, commit_since_ = now;
  const bool stuck = core_->is_leader() && now - commit_since_ > setup_.tick * setup_.options.election_ticks;
  if (stuck || stalled_.code != errc::none || unwritable_.code != errc::none) {
    ask_for_room();
    look_who_can_write(); // also whose connection broke
  } else if (std::exchange(room_asked_, false)) {
    for (auto& [id, seen] : seen_) seen.cannot_write = false; // what was said then says nothing about now
  }
}

void raft_state::ask_for_room() {
  if (!peers_) return;
  room_asked_ = true;
  raft::question q;
  q.kind = static_cast<uint64_t>(raft::question_kind::room);
  for (auto& id : core_->members().voters) {
    const auto seen = seen_.find(id);
    if (id == core_->self() || seen == seen_.end() || !seen->second.connected || !room_questions_.insert(id).second) continue;
    const auto number = next_question_++;
    forwarded f;
    f.to = id;
    f.room = true;
    questions_.emplace(number, std::move(f));
    self_->send(peers_, peers_ask{id, number, to_msgpack(q)});
  }
}

void raft_state::answer_room(const peer_question& q) {
  raft::answer a;
  a.index = stalled_.code != errc::none ? 1 : 0;
  reply(q.connection, q.id, a);
}

void raft_state::answered_room(const forwarded& f, const peer_answer& a) {
  room_questions_.erase(f.to);
  raft::answer said;
  const auto seen = seen_.find(f.to);
  if (a.failure.code != errc::none || !from_msgpack(a.body, said) || seen == seen_.end() || !room_asked_) return;
  const bool refuses = said.code == 0 && said.index != 0; // an older server does not know the question
  if (refuses == seen->second.cannot_write) return;
  seen->second.cannot_write = refuses;
  look_who_can_write();
  perform_effects();
}

// Of several servers another one leads in a moment, or may have written it already: who cannot write waits for those.
void raft_state::look_who_can_write() {
  const auto& voters = core_->members().voters;
  const auto back_soon = setup_.tick * setup_.options.election_ticks * 2; // whose connection has just broken
  size_t able = 0;
  std::string who;
  for (auto& id : voters) {
    const auto seen = seen_.find(id);
    const bool self = id == core_->self();
    const bool refuses = self ? stalled_.code != errc::none : seen != seen_.end() && seen->second.cannot_write;
    const bool there = self || (seen != seen_.end() && (seen->second.connected || clock_now() - seen->second.since < back_soon));
    if (refuses) who += (who.empty() ? "" : ", ") + (self ? setup_.hello.name : seen->second.hello.name);
    else if (there) ++able;
  }
  const bool enough = able > voters.size() / 2 || who.empty();
  if (enough) {
    unwritable_ = {};
  } else if (stalled_.code != errc::none) {
    unwritable_ = stalled_;
  } else {
    unwritable_ = {errc::storage_full, "a majority of the servers cannot write: the logs of " + who + " refuse"};
  }
  if (!enough) refuse_what_waits();
}

// What the core has stays there, and is written when that is possible again: who proposed it hears that it may be.
void raft_state::refuse_what_waits() {
  for (auto& [cookie, o] : std::exchange(origins_, {})) {
    apply_result r;
    r.failure = {errc::unknown_outcome, unwritable_.text + "; it is written once that is possible, unless the server stops before"};
    finish(o, std::move(r));
  }
  for (auto& c : std::exchange(held_, {})) {
    apply_result r;
    r.failure = unwritable_;
    finish(c.who, std::move(r));
  }
}

} // namespace actord
