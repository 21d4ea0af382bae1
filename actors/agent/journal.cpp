#include "actors/agent/registration_files.hpp"
#include "runtime/base/log.hpp"
#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace actord::agent {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t block = 4096;                // bytes; what direct writes must be aligned to
constexpr uint64_t roll_size = 2 * 1024 * 1024; // bytes, after which a new journal file begins
constexpr std::string_view journal_name = "agent-journal.";

uint64_t fnv1a(std::string_view bytes) {
  uint64_t h = 14695981039346656037ULL;
  for (unsigned char c : bytes) h = (h ^ c) * 1099511628211ULL;
  return h;
}
template <class T> void put(std::string& out, T x) {
  for (size_t i = 0; i < sizeof x; ++i) out += static_cast<char>(x >> (8 * i) & 0xff);
}
template <class T> T get(std::string_view in) {
  T x = 0;
  for (size_t i = 0; i < sizeof x; ++i) x = static_cast<T>(x | static_cast<T>(static_cast<unsigned char>(in[i])) << (8 * i));
  return x;
}

constexpr uint64_t blocks(uint64_t bytes) { return (bytes + block - 1) / block * block; }

error cannot_write(const std::string& path, int code) {
  return {errc::storage_full, "cannot write " + path + ": " + std::error_code(code, std::generic_category()).message()};
}

status write_zeros(int fd, const std::string& path, uint64_t length) {
  const aligned_bytes zeros(std::min<uint64_t>(length, 1 << 20));
  for (uint64_t at = 0; at < length; at += zeros.size()) {
    const ssize_t n = ::pwrite(fd, zeros.data(), std::min<uint64_t>(zeros.size(), length - at), static_cast<off_t>(at));
    if (n <= 0) return cannot_write(path, n < 0 ? errno : ENOSPC);
  }
  return {};
}

bool is_ours(std::string_view path) {
  return (path.starts_with("services/") || path.starts_with("checks/")) && path.find("..") == std::string_view::npos &&
         path.find('\0') == std::string_view::npos;
}

} // namespace

void aligned_bytes::resize(size_t size) {
  if (size > room_) {
    const size_t room = blocks(std::max(size, room_ * 2));
    std::unique_ptr<char, release> larger(static_cast<char*>(std::aligned_alloc(block, room)));
    if (!larger) throw std::bad_alloc();
    if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    room_ = room;
  }
  if (size > size_) std::memset(bytes_.get() + size_, 0, size - size_);
  size_ = size;
}

void append_record(std::string& out, const file_change& c) {
  std::string rest(1, c.content ? '\1' : '\2');
  put(rest, static_cast<uint16_t>(c.path.size()));
  rest += c.path;
  if (c.content) rest += *c.content;
  put(out, static_cast<uint32_t>(rest.size()));
  put(out, fnv1a(rest));
  out += rest;
}

std::vector<file_change> read_records(std::string_view bytes) {
  std::vector<file_change> out;
  while (bytes.size() >= 15) {
    const auto length = get<uint32_t>(bytes);
    if (length < 3 || bytes.size() - 12 < length) break;
    const std::string_view rest = bytes.substr(12, length);
    if (fnv1a(rest) != get<uint64_t>(bytes.substr(4))) break;
    const size_t path = get<uint16_t>(rest.substr(1));
    if (3 + path > rest.size() || (rest[0] != '\1' && rest[0] != '\2')) break;
    file_change c{std::string(rest.substr(3, path)), std::nullopt};
    if (rest[0] == '\1') c.content = std::string(rest.substr(3 + path));
    if (is_ours(c.path)) out.push_back(std::move(c));
    bytes.remove_prefix(12 + length);
  }
  return out;
}

result<journal> journal::open(const std::string& data_dir) {
  std::vector<std::pair<uint64_t, fs::path>> left;
  std::error_code bad;
  for (auto& entry : fs::directory_iterator(data_dir, bad)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(journal_name)) left.emplace_back(std::strtoull(name.c_str() + journal_name.size(), nullptr, 10), entry.path());
  }
  if (bad) return error{errc::internal, "cannot read " + data_dir + ": " + bad.message()};
  std::sort(left.begin(), left.end());
  journal j(data_dir);
  size_t replayed = 0;
  for (auto& [number, path] : left) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    const auto changes = read_records(text.str());
    replayed += changes.size();
    if (auto s = apply_changes(data_dir, changes); !s) return s.err();
    j.number_ = number;
  }
  if (replayed > 0) {
    log::info("agent", "Replayed the registration journal: changes={}", replayed);
    const int dir = ::open(data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
      (void)::syncfs(dir);
      ::close(dir);
    }
  }
  for (auto& [number, path] : left) fs::remove(path, bad);
  if (auto s = j.roll(0); !s) return s.err();
  return j;
}

journal::journal(journal&& o) noexcept
    : data_dir_(std::move(o.data_dir_)), path_(std::move(o.path_)), fd_(std::exchange(o.fd_, -1)), number_(o.number_), size_(o.size_), synced_(o.synced_),
      last_sequence_(o.last_sequence_), buffer_(std::move(o.buffer_)), capacity_(o.capacity_), closed_(std::move(o.closed_)) {}

journal::~journal() {
  if (fd_ < 0) return;
  (void)sync();
  ::close(fd_);
  if (size_ == 0) ::unlink(path_.c_str());
}

status journal::roll(uint64_t room) {
  if (fd_ >= 0)
    if (auto s = sync(); !s) return s;
  const std::string path = data_dir_ + "/" + std::string(journal_name) + std::to_string(number_ + 1);
  // Past the page cache, so that a sync is one write of the device instead of a write and a flush; a file system
  // without direct writes (tmpfs) takes the other.
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_DSYNC | O_DIRECT, 0600);
  if (fd < 0 && errno == EINVAL) fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_DSYNC, 0600);
  if (fd < 0) return error{errc::storage_full, "cannot open " + path + ": " + std::error_code(errno, std::generic_category()).message()};
  const uint64_t capacity = std::max(roll_size, blocks(room));
  // Zeros end the records for a reader; overwriting them later costs a sync of data only.
  if (auto s = write_zeros(fd, path, capacity); !s) {
    ::close(fd);
    ::unlink(path.c_str());
    return s;
  }
  (void)::fsync(fd);
  if (fd_ >= 0) {
    closed_.emplace_back(path_, last_sequence_);
    ::close(fd_);
  }
  ++number_;
  path_ = path;
  fd_ = fd;
  capacity_ = capacity;
  size_ = synced_ = 0;
  return {};
}

status journal::append(const std::vector<file_change>& changes, uint64_t last_sequence) {
  std::string bytes;
  for (auto& c : changes) append_record(bytes, c);
  if (size_ + bytes.size() > capacity_)
    if (auto s = roll(bytes.size()); !s) return s;
  // The buffer begins at the block that the last sync cut.
  const uint64_t start = synced_ / block * block, end = size_ + bytes.size();
  buffer_.resize(blocks(end - start));
  std::memcpy(buffer_.data() + (size_ - start), bytes.data(), bytes.size());
  size_ = end;
  last_sequence_ = last_sequence;
  return {};
}

status journal::sync() {
  if (synced()) return {};
  const uint64_t start = synced_ / block * block;
  const uint64_t length = blocks(size_ - start);
  std::memset(buffer_.data() + (size_ - start), 0, length - (size_ - start));
  const ssize_t n = ::pwrite(fd_, buffer_.data(), length, static_cast<off_t>(start));
  if (n != static_cast<ssize_t>(length)) return cannot_write(path_, n < 0 ? errno : ENOSPC);
  synced_ = size_;
  const uint64_t kept = synced_ / block * block - start; // the cut block stays at the front, the next sync writes it again
  if (kept > 0) std::memmove(buffer_.data(), buffer_.data() + kept, length - kept);
  return {};
}

void journal::settled(uint64_t sequence) {
  std::erase_if(closed_, [&](auto& c) {
    if (c.second > sequence) return false;
    ::unlink(c.first.c_str());
    return true;
  });
  if (size_ == 0 || last_sequence_ > sequence) return;
  // Zeros again, all the way: an old record behind a new one would be replayed after it.
  if (write_zeros(fd_, path_, blocks(size_))) size_ = synced_ = 0;
}

} // namespace actord::agent
