#include "runtime/telemetry/log_sinks.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/telemetry/log_writer.hpp"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <syslog.h>
#include <unistd.h>
#include <vector>

namespace actord::telemetry {
namespace {

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

class rotating_file {
public:
  explicit rotating_file(const log_file_options& o) : options_(o) {
    namespace fs = std::filesystem;
    fs::path p(o.path);
    folder_ = p.parent_path();
    stem_ = p.has_filename() ? p.stem().string() : "consul";
    extension_ = p.has_filename() && p.has_extension() ? p.extension().string() : ".log";
    if (options_.rotate_duration.count() == 0) options_.rotate_duration = std::chrono::hours(24);
  }
  ~rotating_file() {
    if (fd_ >= 0) ::close(fd_);
  }

  status open() {
    std::error_code ignored;
    const auto name = (folder_ / stem_).string();
    const file_wait waits(name);
    if (!folder_.empty()) std::filesystem::create_directories(folder_, ignored);
    opened_ = std::chrono::system_clock::now();
    written_ = 0;
    auto stamp = std::chrono::duration_cast<std::chrono::nanoseconds>(opened_.time_since_epoch()).count();
    auto path = folder_ / (stem_ + "-" + std::to_string(stamp) + extension_);
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) return error{errc::internal, "open " + path.string() + ": " + std::strerror(errno)};
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
    prune(path);
    return {};
  }

  // A rotation that fails goes on with the old file and is tried again with the next line.
  void write(std::string_view line) {
    bool full = options_.rotate_bytes > 0 && written_ >= options_.rotate_bytes;
    if (full || std::chrono::system_clock::now() - opened_ >= options_.rotate_duration) (void)open();
    write_all(fd_, line);
    written_ += static_cast<int64_t>(line.size());
  }

private:
  void prune(const std::filesystem::path& current) {
    namespace fs = std::filesystem;
    if (options_.max_files == 0) return;
    std::vector<fs::path> files;
    std::error_code failed;
    for (fs::directory_iterator it(folder_.empty() ? fs::path(".") : folder_, failed), end; !failed && it != end; it.increment(failed)) {
      auto name = it->path().filename().string();
      auto digits = std::string_view(name).substr(std::min(name.size(), stem_.size() + 1));
      if (!name.starts_with(stem_ + "-") || !digits.ends_with(extension_)) continue;
      digits.remove_suffix(extension_.size());
      bool stamped = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
      if (stamped && name != current.filename().string()) files.push_back(it->path());
    }
    std::sort(files.begin(), files.end());
    size_t keep = options_.max_files < 0 ? 0 : static_cast<size_t>(options_.max_files) - 1; // beside the current one
    for (size_t i = 0; i + keep < files.size(); ++i) fs::remove(files[i], failed);
  }

  log_file_options options_;
  std::filesystem::path folder_;
  std::string stem_, extension_;
  int fd_ = -1;
  int64_t written_ = 0;
  std::chrono::system_clock::time_point opened_;
};

log_writer::format_fn formatted(bool json, std::string indent = {}) {
  return [json, indent](const log::record& r) { return json ? log::format_json(r) : indent + log::format_line(r); };
}

int add(log::level minimum, const std::string& name, log_writer::format_fn format, log_writer::write_fn write) {
  auto writer = std::make_shared<log_writer>(name, std::move(format), std::move(write));
  return log::add_sink(minimum, [writer](const log::record& r) { writer->put(r); });
}

log_writer* of_stream(const char* name, int fd, bool json) {
  return new log_writer(name, formatted(json, "    "), [fd](log::level, const std::string& text) { write_all(fd, text); });
}

std::atomic<log_writer*> to_stdout{nullptr}; // never destroyed: it is written to until the process ends

} // namespace

int add_stdout_sink(log::level minimum, bool json) {
  auto* writer = of_stream("log-stdout", STDOUT_FILENO, json);
  to_stdout = writer;
  return log::add_sink(minimum, [writer](const log::record& r) { writer->put(r); });
}

void print(int fd, std::string text) {
  if (fd == STDERR_FILENO) {
    static auto* to_stderr = of_stream("log-stderr", STDERR_FILENO, false);
    return to_stderr->put(log::level::info, std::move(text));
  }
  if (auto* writer = to_stdout.load()) writer->put(log::level::info, std::move(text));
  else write_all(fd, text);
}

result<int> add_file_sink(log::level minimum, bool json, const log_file_options& o) {
  auto file = std::make_shared<rotating_file>(o);
  if (auto s = file->open(); !s) return s.err();
  return add(minimum, "log-file", formatted(json), [file](log::level, const std::string& text) { file->write(text); });
}

result<int> add_syslog_sink(log::level minimum, const std::string& facility, const std::string& tag) {
  static std::string kept_tag; // openlog() keeps the pointer
  int number = -1;
  if (facility.size() == 6 && facility.starts_with("LOCAL") && facility[5] >= '0' && facility[5] <= '7') number = LOG_LOCAL0 + ((facility[5] - '0') << 3);
  else if (facility == "USER") number = LOG_USER;
  else if (facility == "DAEMON") number = LOG_DAEMON;
  if (number < 0) return error{errc::bad_request, "Syslog setup failed: invalid syslog facility: " + facility};
  kept_tag = tag;
  ::openlog(kept_tag.c_str(), LOG_PID, number);
  const auto format = [](const log::record& r) { return std::string(r.subsystem) + ": " + std::string(r.text); };
  return add(minimum, "log-syslog", format, [number](log::level l, const std::string& text) {
    static constexpr int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_ERR, LOG_ERR};
    ::syslog(number | priorities[static_cast<size_t>(l)], "%s", text.c_str());
  });
}

} // namespace actord::telemetry
