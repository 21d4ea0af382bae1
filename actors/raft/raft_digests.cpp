// Are the states equal that servers make of the same log (core/state_comparison)? Asked over there and judged here, by every server
// about itself.
#include "actors/raft/disk_reader.hpp"
#include "actors/raft/raft_state.hpp"
#include "runtime/base/log.hpp"
#include "storage/state/store.hpp"

namespace actord {

namespace {
constexpr const char* subsystem = "agent.server.state";
constexpr auto dispute_interval = std::chrono::seconds(60); // between two lines about one
constexpr auto look_interval = std::chrono::hours(1);       // between two walks because of one
static_assert(raft::comparison_plan::options{}.every == digest_interval);
} // namespace

void raft_state::compare_states(clock::time_point now) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const raft_index applied{status_->applied.load()};
  if (!peers_ || digests_missing_ > 0 || states_->is_damaged() || !comparisons_.due(ms, applied)) return;
  std::vector<server_id> others;
  for (auto& id : core_->members().voters)
    if (auto seen = seen_.find(id); id != core_->self() && seen != seen_.end() && seen->second.connected) others.push_back(id);
  comparisons_.begin(ms, applied);
  digests_said_.clear();
  digests_asked_ = digests_missing_ = others.size();
  raft::question q;
  q.kind = static_cast<uint64_t>(raft::question_kind::digests);
  for (auto& id : others) {
    const auto number = next_question_++;
    forwarded f;
    f.to = id;
    f.digests = true;
    questions_.emplace(number, std::move(f));
    self_->send(peers_, peers_ask{id, number, to_msgpack(q)});
  }
}

void raft_state::answer_digests(const peer_question& q) {
  raft::digests_answer a;
  a.kind = state_store::digest_kind();
  if (!states_->is_damaged())
    for (auto& d : states_->digests()) a.digests.push_back({d.index.v, d.value});
  self_->send(peers_, peers_reply{q.connection, q.id, to_msgpack(a)});
}

void raft_state::answered_digests(const forwarded& f, const peer_answer& a) {
  raft::digests_answer said;
  const bool read = a.failure.code == errc::none && from_msgpack(a.body, said);
  if (read && said.code == 0 && said.kind == state_store::digest_kind()) {
    auto& points = digests_said_[f.to];
    for (auto& d : said.digests) points.push_back({raft_index{d.index}, d.value});
  }
  if (digests_missing_ == 0 || --digests_missing_ > 0) return;
  judge_states();
  perform_effects();
}

void raft_state::judge_states() {
  if (states_->is_damaged()) return;
  std::vector<raft::digest_point> own;
  for (auto& d : states_->digests()) own.push_back({d.index, d.value});
  const auto judged = raft::compare(core_->members(), core_->self(), own, digests_said_);
  comparisons_.ended(digests_asked_ == 0 || (judged.found == raft::agreement::agrees && digests_said_.size() == digests_asked_));
  if (judged.found != raft::agreement::differs && judged.found != raft::agreement::disputed) return;
  std::string who;
  for (auto& id : judged.holders) {
    auto seen = seen_.find(id);
    who += (who.empty() ? "" : ", ") + (seen == seen_.end() ? id : seen->second.hello.name);
  }
  const auto what = fmt::format("after entry {} the digest of this server's state is {:016x}, that of {} is {:016x}", judged.at.v, judged.own, who, judged.other);
  if (judged.found == raft::agreement::disputed) {
    if (clock_now() - dispute_told_ < dispute_interval && dispute_told_ != clock::time_point{}) return;
    dispute_told_ = clock_now();
    log::err(subsystem, "the states of servers differ, and no majority says which of them is wrong; this server reads its own through: {}", what);
    if (!setup_.look_for_damage || (clock_now() - dispute_looked_ < look_interval && dispute_looked_ != clock::time_point{})) return;
    dispute_looked_ = clock_now(); // what was read through once is as it was written, and the dispute may last
    setup_.look_for_damage();
    return;
  }
  if (core_->is_leader()) {
    apply_result ignored;
    (void)start_transfer({}, ignored);
    perform_effects();
  }
  states_->note_difference(what);
}

} // namespace actord
