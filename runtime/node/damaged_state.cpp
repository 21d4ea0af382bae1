#include "runtime/node/damaged_state.hpp"
#include "actors/raft/core/wire.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/log.hpp"
#include "runtime/node/damaged_log.hpp"
#include "storage/raft_log/damaged_log.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace actord {

namespace {

constexpr const char* subsystem = "agent.server.state";
constexpr std::string_view left_suffix = ".left-"; // of a log that was whole

std::string mark_of(const std::string& data_dir) { return data_dir + "/state/incomplete"; }

store_options options_of(const node_config& config, const std::string& data_dir, const log_store& log, const std::atomic<bool>* full) {
  store_options so;
  so.path = data_dir + "/state";
  so.datacenter = config.datacenter;
  so.least_applied = log.compacted().first;
  so.most_applied = log.last_index();
  so.full = full;
  return so;
}

// In an order in which a crash at any moment is taken up by the next start: the marks first, so that an empty log never votes and an
// empty state is never read.
status leave_to_others(const std::string& data_dir, const std::string& why, std::unique_ptr<log_store>& log, const log_options& o) {
  if (auto s = note_incomplete(data_dir, why); !s) return s;
  if (auto s = mark_recovering(data_dir, why); !s) return s;
  if (log->last_index().v == 0 && log->compacted().first.v == 0) return {}; // an earlier start got so far
  log_remains nothing;
  nothing.hard = log->hard_state();
  for (auto& m : log->memberships())
    if (m.index.v == 0) nothing.members.push_back(std::move(m)); // an operator's word
  log.reset();
  const auto folder = data_dir + "/raft";
  if (auto aside = begin_anew(folder, {}, nothing, left_suffix); !aside) return aside.err();
  auto anew = log_store::open(folder, o);
  if (!anew) return anew.err();
  log = std::move(*anew);
  return {};
}

} // namespace

namespace {

// The two fit. What the log meets only now, when it writes, the next start is told.
status accept(const std::string& data_dir, log_store& log) {
  auto s = log.accept();
  if (!s && s.err().code == errc::corrupt) note_log_fault(data_dir, s.err().text);
  return s;
}

} // namespace

bool is_alone(const node_config& config, const std::string& data_dir, const std::vector<stored_log_record>& members) {
  if (auto mark = recovery_mark(data_dir); !mark || !mark->empty()) return false; // it was not, and its log is empty since; or nobody can tell
  if (members.empty()) return config.bootstrap || config.dev_mode;
  auto newest = raft::decode_membership(members.back().payload);
  return newest && newest->voters.size() == 1 && newest->is_voter(config.node_id);
}

result<std::unique_ptr<state_store>> open_state(const node_config& config, const std::string& data_dir, std::unique_ptr<log_store>& log, const log_options& o) {
  auto first = options_of(config, data_dir, *log, o.full);
  raft_index reached; // by a state that is rebuilt
  first.before_rebuild = [&](raft_index r) {
    reached = std::max(reached, r);
    return r > log->last_index() ? admit_short_log(config, data_dir, *log, r) : status();
  };
  auto state = state_store::open(std::move(first));
  if (const auto applied = state ? std::max((*state)->applied_index(), reached) : raft_index{}; applied > log->last_index()) {
    (*state).reset();
    auto longer = replace_short_log(config, data_dir, std::move(log), applied, o);
    if (!longer) return longer.err();
    log = std::move(*longer);
    state = state_store::open(options_of(config, data_dir, *log, o.full));
  }
  if (state) {
    if (auto s = accept(data_dir, *log); !s) return s.err();
    withdraw_consent(data_dir);
    return state;
  }
  if (state.err().code != errc::corrupt) return state;
  // Whoever does not know its term has no place to come back to.
  if (log->hard_state().first.v == 0 || is_alone(config, data_dir, log->memberships())) return state;
  const auto why = state.err().text;
  if (auto s = leave_to_others(data_dir, why, log, o); !s) return error{s.err().code, why + "; it could not be left to the other servers: " + s.err().text};
  auto so = options_of(config, data_dir, *log, o.full);
  so.begin_empty = true;
  auto empty = state_store::open(so);
  if (!empty) return error{empty.err().code, why + "; it could not be left to the other servers: " + empty.err().text};
  if (auto s = accept(data_dir, *log); !s) return s.err();
  log::err(subsystem, "the state is left to the other servers to restore; until then this one serves nothing from it and votes for nobody: found=\"{}\"", why);
  return empty;
}

status note_incomplete(const std::string& data_dir, const std::string& why) {
  return replace_file(mark_of(data_dir), "The state of this server could not be used. Other servers bring it; this file is removed then.\n" + why + "\n");
}

result<bool> is_incomplete(const std::string& data_dir) { return is_file(mark_of(data_dir)); }

void note_complete(const std::string& data_dir) {
  const auto mark = mark_of(data_dir);
  if (::unlink(mark.c_str()) != 0 && errno != ENOENT) return log::err(subsystem, "cannot remove {}: error=\"{}\"", mark, std::strerror(errno));
  std::error_code ec;
  for (auto& entry : std::filesystem::directory_iterator(data_dir + "/raft", ec)) // the log's database and its journal
    if (entry.path().filename().string().find(left_suffix) != std::string::npos) std::filesystem::remove(entry.path(), ec);
}

} // namespace actord
