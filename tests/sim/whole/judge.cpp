// What must hold, judged from what all servers of the run did, which no server can see.
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/kv_entry.hpp"
#include "tests/sim/whole/world.hpp"
#include <caf/event_based_actor.hpp>
#include <fmt/format.h>

namespace actord::sim::whole {

namespace {
constexpr size_t max_search_steps = 400'000;
constexpr uint64_t writable_within = 20 * second; // of virtual time, once everything is mended
uint64_t payload_hash(uint8_t kind, std::string_view bytes) { return mix(kind, bytes); }
constexpr uint8_t command_entry = 1;

// What the actors beside Raft propose may be there twice: its outcome was not known to them.
bool of_a_client(const std::string& payload) {
  if (payload.empty()) return false;
  const auto kind = static_cast<command_kind>(payload[0]);
  if (kind == command_kind::kv || kind == command_kind::txn) return true;
  session_request r;
  return kind == command_kind::session && from_msgpack(std::string_view(payload).substr(1), r) && r.op == session_create;
}
} // namespace

void world::fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

// Election safety (paper, figure 3).
void world::saw_leader(uint32_t slot, raft_term term) {
  const auto at = leaders_.find(term.v);
  if (at == leaders_.end()) return void(leaders_.emplace(term.v, leader_seen{slot, this_moment()}));
  if (at->second.slot != slot) fail(fmt::format("election safety: {} and {} both lead term {}", servers_[at->second.slot].hello.name, servers_[slot].hello.name, term.v));
}

// State machine safety: what a server has applied is what every other one applies there, and a command is there once.
void world::audit(uint32_t slot) {
  auto& s = servers_[slot];
  if (!s.up) return;
  if (s.up->status->leader.load()) saw_leader(slot, raft_term{s.up->status->term.load()}); // a lone one sends to nobody
  if (s.up->state->is_damaged()) return fail(fmt::format("the state of {} is not what it wrote: {}", s.hello.name, s.up->state->damage()));
  if (s.up->state->command_level() > s.hello.command_level)
    return fail(fmt::format("{} has a command of level {} in its state and reads level {}", s.hello.name, s.up->state->command_level(), s.hello.command_level));
  // Of all tables, also of those that no client of the run reads.
  if (const auto d = s.up->state->digest(); d.value != 0) {
    const auto [at, first] = digests_.emplace(d.index.v, d.value);
    if (at->second != d.value) return fail(fmt::format("same state: after entry {} {} has another digest than another server", d.index.v, s.hello.name));
  }
  const auto upto = std::min(s.up->state->applied_index(), s.up->log->last_index());
  auto from = std::max(s.audited.next(), s.up->log->first_index());
  if (from > upto) return;
  s.audited = upto;
  auto entries = s.up->log->entries(from, upto, SIZE_MAX);
  if (!entries) return fail(fmt::format("the log of {} cannot be read: {}", s.hello.name, entries.err().text));
  for (auto& e : *entries) {
    const auto hash = payload_hash(e.kind, e.payload);
    const auto [at, first] = committed_.emplace(e.index.v, settled_entry{e.term, hash});
    if (const auto told = acknowledged_.find(e.index.v); told != acknowledged_.end() && told->second != hash)
      return fail(fmt::format("durability: the write acknowledged as entry {} is lost: {} applies another one there", e.index.v, s.hello.name));
    if (at->second.term != e.term || at->second.payload != hash)
      return fail(fmt::format("state machine safety: {} applies entry {} of term {}, another server that of term {}", s.hello.name, e.index.v, e.term.v, at->second.term.v));
    if (first) unjudged_.emplace(e.index.v, std::pair{e, this_moment()});
    if (e.kind != command_entry || !of_a_client(e.payload)) continue;
    const auto [place, once] = places_.emplace(hash, e.index.v);
    if (!once && place->second != e.index.v && e.payload.find("delete") == std::string::npos && e.payload.find("get") == std::string::npos)
      return fail(fmt::format("a command is in the log twice: entries {} and {}", place->second, e.index.v));
  }
  for (auto next = unjudged_.begin(); next != unjudged_.end() && next->first == judged_ + 1; next = unjudged_.erase(next), ++judged_) {
    const auto& [e, seen] = next->second;
    lock_judge_.committed(e.index.v, e.term.v, e.kind == command_entry ? std::string_view(e.payload) : std::string_view(), seen);
  }
  lock_judge_.applied(slot, upto.v, now());
}

// Two servers that have applied as much show the same; and a server never shows less than it has shown.
void world::note_read(uint32_t slot, const step& s, raft_index applied, uint64_t modify) {
  auto& server = servers_[slot];
  if (server.shown_life == server.life && applied < server.shown) fail(fmt::format("{} goes back from entry {} to {}", server.hello.name, server.shown.v, applied.v));
  server.shown_life = server.life;
  server.shown = applied;
  const auto [at, first] = shown_.emplace(std::pair{s.key, applied.v}, shown_value{s.seen, modify});
  if (at->second.value != s.seen || at->second.modify != modify)
    fail(fmt::format("same state: after entry {} {} shows value {} of key {}, another server {}", applied.v, server.hello.name, s.seen, s.key, at->second.value));
  if (modify > applied.v) fail(fmt::format("{} shows entry {} before it is applied", server.hello.name, modify));
}

void world::note_ack(uint32_t slot, const std::string& command, const apply_result& r) {
  acknowledged_.emplace(r.index, payload_hash(command_entry, command));
  if (load_ && strikes_ > 0 && random_.chance(strikes_)) schedule(random_.below(4 * ms), "strike", slot, [this, slot] { strike(slot); });
}

// Has everything come to rest? One leader, nobody behind, all agree who they are, and every client has had its answers.
bool world::at_rest(std::string& why) {
  why.clear();
  if (writable_at_ == never && now() - mended_at_ > writable_within) fail("liveness: no write succeeded although everything was mended" + who_forgot());
  if (options_.upgrades && !new_command_written_) return why = "no command of the new level is written", false;
  if (joining_ != most_servers) return why = "a server is being replaced", false;
  for (auto left : final_left_)
    if (left > 0) return why = "clients are not answered", false;
  if (!locks_rest(why)) return false;
  if (has_agents() && !agents_rest(why)) return false;
  const node* leader = nullptr;
  for (uint32_t n = 0; n < most_servers; ++n) {
    if (!servers_[n].up) continue;
    if (!servers_[n].up->status->leader.load()) continue;
    if (leader) return why = "two servers believe to lead", false;
    leader = servers_[n].up.get();
  }
  if (!leader) return why = "no leader", false;
  for (uint64_t i = 0; i < operations_.size(); ++i) {
    const auto& op = operations_[i];
    if (op.life != 0 && servers_[op.slot].up && servers_[op.slot].life == op.life) return why = fmt::format("operation {} at {} was never answered", i + 1, servers_[op.slot].hello.name), false;
  }
  std::string members;
  for (uint32_t n = 0; n < most_servers; ++n) {
    auto& s = servers_[n];
    if (!s.up) continue;
    if (s.up->state->applied_index() != leader->state->applied_index() || s.up->log->last_index() != leader->log->last_index())
      return why = fmt::format("{} is behind", s.hello.name), false;
    if (members.empty()) members = views_of_members_[n];
    if (views_of_members_[n] != members || members.empty()) why = fmt::format("{} knows other members: {} against {}", s.hello.name, views_of_members_[n], members);
    views_of_members_[n].clear();
    visit(n, s.life, "members?", [this, n](node& at) {
      at.in_front([this, n, raft = at.raft](caf::event_based_actor* self) {
        self->request(raft, caf::infinite, leader_query{}).then([this, n](const leader_info& info) {
          std::string text;
          for (auto& v : info.servers) text += (v.voter ? " +" : " -") + v.id.substr(0, 8);
          views_of_members_[n] = std::move(text);
        }, [](const caf::error&) {});
      });
    });
    if (!members.empty() && members.find("+" + s.hello.id.substr(0, 8)) == std::string::npos) why = fmt::format("{} has no vote: {}", s.hello.name, members);
  }
  if (members.empty() && why.empty()) why = "nobody has said who the members are";
  return why.empty();
}

void world::judge_end() {
  result_.slowest_mend_ms = (writable_at_ - mended_at_) / ms;
  if (!unjudged_.empty()) return fail(fmt::format("the models have not seen entry {}", judged_ + 1));
  judge_locks();
  const auto last = committed_.empty() ? 0 : committed_.rbegin()->first;
  for (auto [index, hash] : acknowledged_) {
    auto at = committed_.find(index);
    if (index > last || (at != committed_.end() && at->second.payload != hash)) return fail(fmt::format("durability: the write acknowledged as entry {} is not committed there", index));
  }
  uint64_t first_hash = 0;
  std::string first;
  for (auto& s : servers_) {
    if (!s.up) continue;
    auto view = s.up->views->open();
    uint64_t hash = 0;
    query_meta meta;
    view.kv_list("", meta, [&](const kv_entry& e) {
      hash = mix(mix(mix(mix(mix(hash, e.key), e.value), e.create_index), e.modify_index), e.flags);
      return true;
    });
    const auto settings = view.autopilot(meta);
    hash = mix(hash, settings ? to_msgpack(*settings) : "");
    if (first.empty()) first = s.hello.name, first_hash = hash;
    if (hash != first_hash) return fail(fmt::format("same state: {} and {} differ at rest", first, s.hello.name));
  }
  std::vector<operation> history;
  for (const auto& op : operations_)
    if (op.counts) history.push_back(op.what);
  const auto found = check(history, max_search_steps);
  result_.undecided = found.undecided;
  if (found.worst == verdict::violated) fail(found.failure);
  if (options_.trace)
    for (const auto& o : history) fmt::print("{}\n", describe(o));
}

} // namespace actord::sim::whole
