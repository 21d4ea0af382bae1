// What this process waits for a file system for, as it starts and when it shall end. One that hangs (a network file system whose server is
// gone) answers nobody, and a call on it can be neither bounded nor given up: so whoever waits is at least told which file it is.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace actord {

// While it lives its thread looks at this file or folder. Of nested ones the outermost is told. The path outlives it.
class file_wait {
public:
  explicit file_wait(const std::string& path) noexcept;
  ~file_wait();
  file_wait(const file_wait&) = delete;
  file_wait& operator=(const file_wait&) = delete;

private:
  int slot_;
};

// From now on `say` is called, by a thread of its own, with what has been waited for for `patience`, and again after twice as long and so on; until
// stop_telling_file_waits(). Without a thread nobody is told. For the process's start, once.
void tell_file_waits(std::chrono::milliseconds patience, std::function<void(const std::string& path, std::chrono::seconds since)> say);
void stop_telling_file_waits();

// What is waited for at the moment, by whatever thread, and since when.
std::vector<std::pair<std::string, std::chrono::milliseconds>> file_waits();

} // namespace actord
