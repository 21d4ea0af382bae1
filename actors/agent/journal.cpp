#include "actors/agent/journal.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/simulated_disk.hpp"
#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord::agent {

namespace {

using namespace std::chrono_literals;

// Bytes of a file, after which a new one begins; smaller ones where the disk has no room for that.
constexpr uint64_t file_sizes[] = {2 * 1024 * 1024, 256 * 1024, 32 * 1024};
constexpr uint64_t most_file_bytes = 256 << 20; // none is made larger, so that none has to be read that is
constexpr uint64_t spare_room = 8 * 1024; // bytes; with less left a new file begins before a request changes anything
constexpr auto least_back_off = 250ms, most_back_off = 5000ms;
constexpr std::string_view name_start = "agent-journal.", version_two = "v2.";

constexpr uint64_t blocks(uint64_t bytes) { return (bytes + journal_block - 1) / journal_block * journal_block; }

status write_at(int fd, const char* bytes, size_t length, uint64_t at, const std::string& path) {
  if (disk_now() != disk::real) return file_error("write", path, ENOSPC);
  const file_wait waits(path);
  bool cut = false; // then what is left need not be aligned any more
  while (length > 0) {
    const ssize_t n = ::pwrite(fd, bytes, length, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return file_error("write", path, n < 0 && !(cut && errno == EINVAL) ? errno : ENOSPC);
    cut = static_cast<size_t>(n) < length;
    bytes += n;
    at += static_cast<uint64_t>(n);
    length -= static_cast<size_t>(n);
  }
  return {};
}

status write_zeros(int fd, const std::string& path, uint64_t from, uint64_t to) {
  const aligned_bytes zeros(std::min<uint64_t>(to - from, 1 << 20));
  for (uint64_t at = from; at < to; at += zeros.size())
    if (auto s = write_at(fd, zeros.data(), std::min<uint64_t>(zeros.size(), to - at), at, path); !s) return s;
  return {};
}

// Past the page cache, so that a sync is one write of the device instead of a write and a flush; a file system without
// direct writes (tmpfs) takes the other.
result<int> open_to_write(const std::string& path) {
  auto fd = open_fresh(path, O_DSYNC | O_DIRECT);
  return fd ? std::move(fd) : open_fresh(path, O_DSYNC);
}

struct found_file {
  journal_version version;
  uint64_t number;
  std::string path;
  auto order() const { return std::pair(version, number); }
};

result<std::vector<found_file>> find_files(const std::string& data_dir) {
  auto names = list_files(data_dir, true);
  if (!names) return names.err();
  std::vector<found_file> out;
  if (!*names) return out;
  for (auto& name : **names) {
    std::string_view rest = name;
    if (!rest.starts_with(name_start)) continue;
    rest.remove_prefix(name_start.size());
    found_file f{journal_version::one, 0, data_dir + "/" + name};
    if (rest.starts_with(version_two)) {
      f.version = journal_version::two;
      rest.remove_prefix(version_two.size());
    }
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), f.number);
    if (parsed.ec == std::errc() && parsed.ptr == rest.data() + rest.size()) out.push_back(std::move(f));
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.order() < b.order(); });
  return out;
}

void tell_damage(const std::string& path, const journal_reading& r) {
  for (auto& c : r.cuts)
    if (c.torn) log::warn("agent", "The registration journal ends with a write that a crash interrupted, which was not acknowledged: file={} offset={} bytes={}", path, c.offset, c.bytes);
    else log::err("agent", "The registration journal is damaged, registrations may be lost: file={} offset={} bytes={} records_recovered_behind={}", path, c.offset, c.bytes, c.behind);
  if (r.shortened)
    log::err("agent", "The registration journal has been cut, registrations may be lost: file={} bytes_expected={}", path, r.head ? r.head->bytes : file_sizes[0]);
  if (r.missing > 0) log::err("agent", "The registration journal lacks records, registrations are lost: file={} records={}", path, r.missing);
}

} // namespace

void aligned_bytes::resize(size_t size) {
  if (size > room_) {
    const size_t room = blocks(std::max(size, room_ * 2));
    std::unique_ptr<char, release> larger(static_cast<char*>(std::aligned_alloc(journal_block, room)));
    if (!larger) throw std::bad_alloc();
    if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    room_ = room;
  }
  if (size > size_) std::memset(bytes_.get() + size_, 0, size - size_);
  size_ = size;
}

result<journal> journal::read(const std::string& data_dir, pending_files& left, clock now) {
  auto found = find_files(data_dir);
  if (!found) return found.err();
  journal j(data_dir, std::move(now));
  std::vector<journal_reading> all;
  uint64_t last = 0;
  for (auto& f : *found) {
    auto bytes = read_file(f.path, most_file_bytes);
    if (!bytes) return bytes.err();
    all.push_back(read_journal(*bytes ? std::string_view(**bytes) : std::string_view(), f.version, last + 1));
    auto& r = all.back();
    const uint64_t before = last;
    if (r.head) {
      j.settled_ = std::max(j.settled_, r.head->settled);
      // A whole file between two others is gone, or the end of the one before.
      if (before > 0 && r.head->first > before + 1 && r.head->settled < r.head->first - 1) r.missing += r.head->first - 1 - std::max(before, r.head->settled);
      last = std::max(last, r.head->first - 1);
    }
    if (!r.records.empty()) last = std::max(last, r.records.back().number);
    tell_damage(f.path, r);
    if (f.version == journal_version::two) j.file_number_ = f.number;
    j.closed_.push_back({f.path, last, r.damaged()});
    j.damaged_ |= r.damaged();
  }
  size_t replayed = 0;
  for (auto& r : all)
    for (auto& [number, change] : r.records) {
      if (number <= j.settled_) continue;
      left[change.path] = std::move(change.content);
      ++replayed;
    }
  j.last_number_ = j.synced_number_ = std::max(last, j.settled_);
  if (replayed > 0) log::info("agent", "Replayed the registration journal: changes={}", replayed);
  return j;
}

journal::journal(journal&& o) noexcept
    : damaged_(o.damaged_), now_(std::move(o.now_)), data_dir_(std::move(o.data_dir_)), path_(std::move(o.path_)), fd_(std::exchange(o.fd_, -1)), file_number_(o.file_number_), last_number_(o.last_number_),
      synced_number_(o.synced_number_), settled_(o.settled_), first_(o.first_), size_(o.size_), synced_(o.synced_), capacity_(o.capacity_), buffer_(std::move(o.buffer_)), closed_(std::move(o.closed_)),
      failing_(o.failing_), retry_at_(o.retry_at_), back_off_(o.back_off_), failure_(std::move(o.failure_)) {}

journal::~journal() {
  if (fd_ < 0) return;
  (void)sync();
  ::close(fd_);
  if (empty() && closed_.empty() && disk_now() != disk::gone) ::unlink(path_.c_str()); // else its head says what of the others is settled
}

status journal::write_head(int fd, const std::string& path, const journal_head& h) {
  std::string bytes;
  append_head(bytes, h);
  aligned_bytes block(journal_block);
  std::memcpy(block.data(), bytes.data(), bytes.size());
  return write_at(fd, block.data(), block.size(), 0, path);
}

// Under another name until it is whole: a journal is shorter than its head says only when somebody cut it.
result<int> journal::create(const std::string& path, const journal_head& h) {
  const std::string beside = data_dir_ + "/" + std::string(name_start) + "tmp";
  const auto opened = open_to_write(beside);
  if (!opened) return opened.err();
  const int fd = *opened;
  auto s = write_head(fd, beside, h);
  // Zeros end the records for a reader; overwriting them later costs a sync of data only.
  if (s) s = write_zeros(fd, beside, journal_block, h.bytes);
  if (s && ::fsync(fd) != 0) s = file_error("sync", beside);
  bool renamed = false;
  if (s) {
    renamed = ::rename(beside.c_str(), path.c_str()) == 0;
    s = renamed ? sync_folder(data_dir_) : status(file_error("rename to", path));
  }
  if (s) return fd;
  ::close(fd);
  ::unlink(renamed ? path.c_str() : beside.c_str());
  return s.err();
}

status journal::roll(uint64_t room) {
  const auto now = now_();
  if (now < retry_at_) return failure_;
  // What the old file cannot take goes into the new one.
  std::string pending;
  if (fd_ >= 0 && !sync()) pending.assign(buffer_.data() + synced_ % journal_block, size_ - synced_);
  const std::string path = data_dir_ + "/" + std::string(name_start) + std::string(version_two) + std::to_string(file_number_ + 1);
  result<int> made = error();
  if (pending.size() + room > most_file_bytes - 2 * journal_block)
    return error{errc::too_large, "write " + path + ": it would be larger than " + std::to_string(most_file_bytes) + " bytes"};
  journal_head h{0, synced_number_ + 1, settled_};
  for (const uint64_t size : file_sizes) {
    h.bytes = std::max(size, journal_block + blocks(pending.size() + room));
    made = create(path, h);
    if (made || made.err().code != errc::storage_full) break;
  }
  if (!made) {
    back_off_ = std::clamp<std::chrono::milliseconds>(back_off_ * 2, least_back_off, most_back_off);
    retry_at_ = now + back_off_;
    failure_ = made.err();
    return failure_;
  }
  back_off_ = {};
  if (fd_ >= 0) {
    closed_.push_back({path_, synced_number_, false});
    ::close(fd_);
  }
  ++file_number_;
  fd_ = *made;
  path_ = path;
  capacity_ = h.bytes;
  first_ = h.first;
  size_ = synced_ = journal_block;
  failing_ = false;
  put(pending);
  return {};
}

bool journal::is_gone() const {
  if (fd_ < 0 || disk_now() != disk::real) return false;
  struct stat named{}, open{};
  if (::stat(path_.c_str(), &named) != 0) return errno == ENOENT || errno == ENOTDIR;
  return ::fstat(fd_, &open) == 0 && (named.st_ino != open.st_ino || named.st_dev != open.st_dev || static_cast<uint64_t>(open.st_size) < capacity_);
}

status journal::begin_again() {
  std::erase_if(closed_, [](auto& f) { return ::access(f.path.c_str(), F_OK) != 0; });
  if (fd_ >= 0) {
    ::close(fd_);
    if (::access(path_.c_str(), F_OK) == 0) closed_.push_back({path_, last_number_, true});
  }
  fd_ = -1;
  size_ = synced_ = journal_block;
  synced_number_ = last_number_;
  failing_ = false;
  retry_at_ = {};
  return roll(spare_room);
}

status journal::ready() {
  if (failing_ && fd_ >= 0 && sync()) return {};
  if (!failing_ && fd_ >= 0 && size_ + spare_room <= capacity_) return {};
  return roll(spare_room);
}

// The buffer begins at the block that the last sync cut.
void journal::put(std::string_view bytes) {
  const uint64_t start = synced_ / journal_block * journal_block, end = size_ + bytes.size();
  buffer_.resize(blocks(end - start));
  if (!bytes.empty()) std::memcpy(buffer_.data() + (size_ - start), bytes.data(), bytes.size());
  size_ = end;
}

status journal::append(const std::vector<file_change>& changes) {
  std::string bytes;
  uint64_t number = last_number_;
  for (auto& c : changes) append_record(bytes, ++number, c);
  if (fd_ < 0 || size_ + bytes.size() > capacity_)
    if (auto s = roll(bytes.size()); !s) return s;
  put(bytes);
  last_number_ = number;
  return {};
}

status journal::sync() {
  if (synced()) return {};
  const uint64_t start = synced_ / journal_block * journal_block;
  const uint64_t length = blocks(size_ - start);
  std::memset(buffer_.data() + (size_ - start), 0, length - (size_ - start));
  const auto s = write_at(fd_, buffer_.data(), length, start, path_);
  failing_ = !s;
  if (!s) return s;
  synced_ = size_;
  synced_number_ = last_number_;
  const uint64_t kept = synced_ / journal_block * journal_block - start; // the cut block stays at the front, the next sync writes it again
  if (kept > 0) std::memmove(buffer_.data(), buffer_.data() + kept, length - kept);
  return {};
}

bool journal::forget(const closed_file& f) {
  if (!f.damaged) return ::unlink(f.path.c_str()) == 0 || errno == ENOENT;
  const std::string aside = data_dir_ + "/" + std::string(name_start) + "damaged-" + std::to_string(std::time(nullptr)) + "-" + f.path.substr(f.path.rfind('.') + 1);
  if (::rename(f.path.c_str(), aside.c_str()) != 0) return errno == ENOENT;
  log::warn("agent", "The damaged registration journal is kept aside: file={}", aside);
  return true;
}

void journal::settled(uint64_t number) {
  if (std::erase_if(closed_, [&](auto& f) { return f.last <= number && forget(f); }) > 0)
    if (auto s = sync_folder(data_dir_); !s) log::warn("agent", "Settled registration journals may come back after a crash: error=\"{}\"", s.err().text);
  if (fd_ < 0 || !synced()) return;
  const bool all = number >= last_number_ && !empty();
  if (!all && (closed_.empty() || number <= settled_)) return; // nothing that the head has to say
  const journal_head h{capacity_, all ? last_number_ + 1 : first_, std::max(settled_, number)};
  if (!write_head(fd_, path_, h)) return;
  settled_ = h.settled;
  first_ = h.first;
  // Zeros again, all the way: an old record behind a new one would be taken for one.
  if (all && write_zeros(fd_, path_, journal_block, blocks(size_))) size_ = synced_ = journal_block;
}

} // namespace actord::agent
