// The process becomes a new one of the same program in its place: same process id, same arguments. This is how a server comes
// out of a state or a log that is damaged: the start rebuilds it (storage/state, damaged_log). At most `most_restarts` times in `restart_window`, so
// that whatever cannot be mended that way ends the process instead of turning round for ever.
#pragma once
#include <chrono>
#include <string>

namespace actord {

inline constexpr unsigned most_restarts = 3;
inline constexpr std::chrono::seconds restart_window{600};

// First thing in main: arguments and environment are those of the next process. Its own count is not handed to children.
void keep_for_restart(char** argv);
bool may_restart();
void restart_in_place(); // async-signal-safe; comes back only when it may not or cannot

// From here on a fault inside the database of the state or of the Raft log (SIGSEGV, SIGBUS, LMDB's assertion) marks that one as damaged, the
// state in its folder and the log by this file (damaged_log.hpp), and restarts. Others end the process as ever.
void guard_databases(const std::string& state_folder, const std::string& log_fault_mark);

} // namespace actord
