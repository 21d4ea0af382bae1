// Threads that may not be had: an error that says what to do, where std::thread throws.
#pragma once
#include "runtime/base/error.hpp"
#include <functional>
#include <string>
#include <thread>

namespace actord {

// `name` is what the system shows (15 characters of it) and what the error names. SIGHUP, SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 are for the
// threads that look for them: in this one they are blocked, so that none of them ends the process in the place of being handled.
result<std::thread> start_thread(const std::string& name, std::function<void()> run);

// Whether that many threads more can be had at once. For libraries that make theirs without asking.
status can_have_threads(size_t count);

// For a thread that works in the background: whoever else wants a processor goes before it (its nice value, which Linux keeps for each
// thread, becomes 10). Without it a log's thread that wakes may wait for a time slice to end. It cannot be taken back.
void lower_thread_priority();

} // namespace actord
