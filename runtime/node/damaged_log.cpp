#include "runtime/node/damaged_log.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/log.hpp"
#include "runtime/node/damaged_state.hpp"
#include "storage/raft_log/damaged_log.hpp"
#include "storage/state/store.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace actord {

namespace {

constexpr const char* subsystem = "agent.server.raft";

constexpr size_t most_mark_bytes = 4096;

std::string mark_of(const std::string& folder) { return folder + "/recovering"; }

std::string consent_in(const std::string& folder) { return folder + "/discard-damaged-log"; }

std::string no_term(const std::string& folder) {
  return ". The copy of term and vote in " + vote_path(folder) + " is missing or damaged as well, so this server may not take part any more under its id: remove it from the cluster "
         "(operator raft remove-peer), empty its data directory and start it again";
}

// Of a file that is not in use any more. A crash before only means that it is done again.
status forget_fault(const std::string& data_dir) {
  const auto mark = log_fault_mark(data_dir);
  return ::unlink(mark.c_str()) == 0 || errno == ENOENT ? status() : status(file_error("remove", mark));
}

log_options on_trial(log_options o) {
  o.on_trial = true;
  return o;
}

// Every entry could be read, and each is what was written: nothing is missing. LMDB met a contradiction all the same, say among pages that are
// free; so the entries go into a new file. Gives where the log ends.
std::optional<raft_index> end_of_whole(const std::string& folder, const log_options& o) {
  auto log = log_store::open(folder, on_trial(o));
  if (!log) return {};
  return (*log)->last_index();
}

// What the state holds, however old the log says that it has to be: the log begins after it from now on.
result<raft_index> applied_by_state(const node_config& config, const std::string& data_dir) {
  store_options so;
  so.path = data_dir + "/state";
  so.datacenter = config.datacenter;
  auto state = state_store::open(so);
  if (!state) return error{errc::corrupt, "the state cannot be used either: " + state.err().text};
  const auto applied = (*state)->applied_index();
  // A log begins behind what is durable, or the next crash of the machine takes what it no longer holds.
  if (applied > (*state)->snapshot_index())
    if (auto s = (*state)->write_snapshot(); !s) return error{s.err().code, "no snapshot of the state could be written: " + s.err().text};
  return applied;
}

// Nobody else has what is missing.
status complete_alone(const std::string& folder, const std::string& what, raft_index applied, log_remains& remains) {
  const auto accept = consent_in(folder);
  const auto has = remains.entries.empty() ? applied : remains.entries.back().index;
  const bool missing = !remains.last || *remains.last > has;
  if (missing && ::access(accept.c_str(), F_OK) != 0) {
    const auto range = remains.last ? fmt::format("of the entries {} to {} not all can be read, the first of them is {}", applied.v + 1, remains.last->v, has.v + 1)
                                    : fmt::format("entries from {} on, if there are any, cannot be read", has.v + 1);
    return error{errc::corrupt, fmt::format("{}. The state holds all up to entry {}; {}, and no other server has them. Restore {} from a backup. To go on without "
                                            "these entries, create the file {} and start again; what they wrote is lost then, and the damaged file is kept",
                                            what, applied.v, range, folder, accept)};
  }
  if (!remains.hard) remains.hard.emplace(remains.entries.empty() ? remains.after_term : remains.entries.back().term, std::string());
  remains.hard->first = std::max({remains.hard->first, remains.after_term, remains.entries.empty() ? raft_term{} : remains.entries.back().term});
  if (missing) log::err(subsystem, "going on without what the damaged log held, as told by {}: from_index={}", accept, has.v + 1);
  return {};
}

// The others have it. What follows the state is asked of them, also what could still be read: it is little, and they know.
status leave_to_others(const std::string& data_dir, const std::string& what, raft_index applied, log_remains& remains) {
  const auto folder = data_dir + "/raft";
  if (!remains.hard) return error{errc::corrupt, what + no_term(folder)};
  remains.entries.clear();
  remains.after_term = {}; // learned from the leader
  if (applied.v == 0)
    if (auto s = note_incomplete(data_dir, what); !s) return s;
  return mark_recovering(data_dir, what);
}

void tell_loss(bool alone, raft_index applied, const log_remains& remains, const std::string& aside) {
  if (alone) {
    log::err(subsystem, "the damaged log was replaced by what the state and the log still hold: applied={} last={} kept=\"{}\"", applied.v,
             remains.entries.empty() ? applied.v : remains.entries.back().index.v, aside);
  } else {
    log::err(subsystem, "the damaged log is left to the other servers to restore, and this one votes for nobody until then: applied={} term={} kept=\"{}\"", applied.v,
             remains.hard->first.v, aside);
  }
}

} // namespace

void withdraw_consent(const std::string& data_dir) {
  const auto folder = data_dir + "/raft", path = consent_in(folder);
  if (::unlink(path.c_str()) == 0) {
    if (auto s = sync_folder(folder); !s) log::err(subsystem, "{}: error=\"{}\"", path + " may come back after a crash; look and remove it", s.err().text);
  } else if (errno != ENOENT) {
    log::err(subsystem, "{} cannot be removed, remove it: error=\"{}\"", path, std::strerror(errno));
  }
}

std::string log_fault_mark(const std::string& data_dir) { return data_dir + "/raft/fault"; }

void note_log_fault(const std::string& data_dir, const std::string& what) {
  if (auto s = replace_file(log_fault_mark(data_dir), what + "\n"); !s) log::err(subsystem, "cannot mark the log as damaged: error=\"{}\"", s.err().text);
}

result<std::string> recovery_mark(const std::string& data_dir) {
  auto mark = mark_of(data_dir + "/raft");
  const auto there = is_file(mark);
  if (!there) return there.err();
  return *there ? mark : std::string();
}

status mark_recovering(const std::string& data_dir, const std::string& why) {
  if (broken(rule::forgetful_recovers)) return {};
  return replace_file(mark_of(data_dir + "/raft"), "The Raft log of this server was damaged, or left with its state. It votes for nobody until the leader has given it everything again; "
                                                   "this file is removed then.\n" + why + "\n");
}

namespace {

// What is known of where the log ended. `whole`: every entry up to there can be read, and is what was written.
struct known_end {
  std::optional<raft_index> whole, least;
};

result<std::unique_ptr<log_store>> replace(const node_config& config, const std::string& data_dir, const std::string& what, known_end known, const log_options& o) {
  const auto folder = data_dir + "/raft";
  log::err(subsystem, "{}", what);
  auto applied = applied_by_state(config, data_dir);
  if (!applied) return error{applied.err().code, what + "; " + applied.err().text};
  auto remains = read_remains(folder, *applied);
  if (!remains) return remains.err();
  if (remains->last && *remains->last < *applied) remains->last.reset(); // an older file, which does not know what came then
  if (known.least > *applied) remains->last = std::max(remains->last, known.least);
  const auto end = known.whole;
  const bool whole = end && remains->hard && std::max(*applied, remains->entries.empty() ? *applied : remains->entries.back().index) >= *end;
  const bool alone = is_alone(config, data_dir, remains->members);
  status s;
  if (!whole) s = alone ? complete_alone(folder, what, *applied, *remains) : leave_to_others(data_dir, what, *applied, *remains);
  if (!s) return s.err();
  auto aside = begin_anew(folder, *applied, *remains);
  if (!aside) return error{aside.err().code, what + "; no new log could be begun: " + aside.err().text};
  withdraw_consent(data_dir);
  if (s = forget_fault(data_dir); !s) return s.err();
  if (whole) log::err(subsystem, "all that the damaged log held was written into a new one: applied={} last={} kept=\"{}\"", applied->v, end->v, *aside);
  else tell_loss(alone, *applied, *remains, *aside);
  return log_store::open(folder, on_trial(o));
}

} // namespace

result<std::unique_ptr<log_store>> open_log(const node_config& config, const std::string& data_dir, const log_options& o) {
  const auto folder = data_dir + "/raft";
  const auto fault = read_file(log_fault_mark(data_dir), most_mark_bytes);
  if (!fault) return fault.err();
  if (*fault) {
    const auto met = (*fault)->substr(0, (*fault)->find('\n'));
    return replace(config, data_dir, fmt::format("the Raft log in {} is damaged: the last process met this inside of it: {}", folder, met), {end_of_whole(folder, o), {}}, o);
  }
  auto log = log_store::open(folder, on_trial(o));
  if (!log && log.err().code == errc::corrupt) return replace(config, data_dir, log.err().text, {}, o);
  return log;
}

namespace {

std::string too_short(const std::string& folder, const log_store& log, raft_index applied) {
  return fmt::format("the Raft log in {} is damaged, or an older one in its place: it ends with entry {}, and the state had applied all up to entry {}", folder, log.last_index().v, applied.v);
}

} // namespace

result<std::unique_ptr<log_store>> replace_short_log(const node_config& config, const std::string& data_dir, std::unique_ptr<log_store> log, raft_index applied, const log_options& o) {
  const auto what = too_short(data_dir + "/raft", *log, applied);
  log.reset();
  return replace(config, data_dir, what, {{}, applied}, o);
}

status admit_short_log(const node_config& config, const std::string& data_dir, const log_store& log, raft_index applied) {
  const auto folder = data_dir + "/raft", what = too_short(folder, log, applied), accept = consent_in(folder);
  if (is_alone(config, data_dir, log.memberships())) {
    if (::access(accept.c_str(), F_OK) == 0) return {};
    return error{errc::corrupt, fmt::format("{}; that state cannot be trusted, and no other server has the entries {} to {}. Restore {} from a backup. To go on without these entries, create "
                                            "the file {} and start again; what they wrote is lost then, and what is there is kept",
                                            what, log.last_index().v + 1, applied.v, folder, accept)};
  }
  if (log.hard_state().first.v == 0) return error{errc::corrupt, what + no_term(folder)};
  return mark_recovering(data_dir, what);
}

} // namespace actord
