// Threads that may not be had: an error that says what to do, where std::thread throws.
#pragma once
#include "runtime/base/error.hpp"
#include <functional>
#include <string>
#include <thread>

namespace actord {

// `name` is what the system shows (15 characters of it) and what the error names.
result<std::thread> start_thread(const std::string& name, std::function<void()> run);

// Whether that many threads more can be had at once. For libraries that make theirs without asking.
status can_have_threads(size_t count);

} // namespace actord
