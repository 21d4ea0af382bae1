#include "storage/raft_log/journal_format.hpp"
#include "storage/lmdb/digest.hpp"
#include "storage/lmdb/key_codec.hpp"
#include "storage/raft_log/log_format.hpp"
#include <algorithm>
#include <cstring>

namespace actord::journal_format {

namespace {

constexpr size_t head_bytes = 24, room = sector_bytes - head_bytes, length_bytes = 4;
constexpr size_t unit_sectors = unit_bytes / sector_bytes;

template <class T> void store(char* to, T v) {
  for (size_t i = 0; i < sizeof v; ++i) to[i] = static_cast<char>(v >> (8 * (sizeof v - 1 - i)));
}
template <class T> T load(const char* from) {
  T v = 0;
  for (size_t i = 0; i < sizeof v; ++i) v = static_cast<T>(v << 8 | static_cast<unsigned char>(from[i]));
  return v;
}

struct head {
  bool valid = false;
  uint64_t generation = 0;
  uint32_t number = 0;
  uint16_t part = 0, parts = 0;
};

uint64_t check_of(uint64_t sector, const char* bytes) { return lmdb::murmur128({sector, 0x6a6f75726e616c31}).finish({bytes + 8, sector_bytes - 8}).low; }

void seal(uint64_t sector, const head& h, char* to) {
  lmdb::store_be64(to + 8, h.generation);
  store(to + 16, h.number);
  store(to + 20, h.part);
  store(to + 22, h.parts);
  lmdb::store_be64(to, check_of(sector, to));
}

head head_of(uint64_t sector, const char* bytes) {
  return {lmdb::load_be64(bytes) == check_of(sector, bytes), lmdb::load_be64(bytes + 8), load<uint32_t>(bytes + 16), load<uint16_t>(bytes + 20), load<uint16_t>(bytes + 22)};
}

class reader {
public:
  reader(std::string_view file, uint64_t bytes, uint64_t generation) : file_(file), generation_(generation) {
    heads_.resize(bytes / sector_bytes); // those beyond the end of a file that was cut are not valid
    for (size_t i = 0; i < heads_.size() && (i + 1) * sector_bytes <= file.size(); ++i) heads_[i] = head_of(i, file.data() + i * sector_bytes);
  }

  reading read() {
    while (take_batch()) {}
    out_.damage = what_follows();
    out_.sound = std::all_of(heads_.begin(), heads_.end(), [](auto& h) { return h.valid; });
    return std::move(out_);
  }

private:
  bool is_of_next(size_t at) const { return heads_[at].valid && heads_[at].generation == generation_ && heads_[at].number == number_; }

  bool take_batch() {
    if (at_ == heads_.size() || !is_of_next(at_)) return false;
    const size_t parts = heads_[at_].parts;
    if (parts == 0 || parts % unit_sectors != 0 || parts > heads_.size() - at_) return false;
    for (size_t i = 0; i < parts; ++i)
      if (!is_of_next(at_ + i) || heads_[at_ + i].part != i || heads_[at_ + i].parts != parts) return false;
    std::string content;
    content.reserve(parts * room);
    for (size_t i = 0; i < parts; ++i) content += file_.substr((at_ + i) * sector_bytes + head_bytes, room);
    const size_t length = load<uint32_t>(content.data());
    if (length > content.size() - length_bytes) return false;
    out_.batches.push_back(content.substr(length_bytes, length));
    at_ += parts;
    ++number_;
    return true;
  }

  // Behind the last whole batch lies nothing of this generation but what a crash left of the next one.
  std::string what_follows() const {
    const auto where = " at byte " + std::to_string(at_ * sector_bytes) + " of the journal";
    size_t parts = at_ < heads_.size() ? 1 : 0, found = 0;
    for (size_t i = at_; i < heads_.size(); ++i) {
      if (!heads_[i].valid || heads_[i].generation != generation_) continue;
      if (heads_[i].number != number_) return "a batch is not whole although others follow," + where;
      if (heads_[i].part != i - at_ || heads_[i].parts > heads_.size() - at_) return "a sector is not in its place," + where;
      parts = std::max<size_t>(parts, heads_[i].parts);
      ++found;
    }
    if (found > 0 && found == parts) return "a batch is not in order," + where;
    for (size_t i = at_; i < at_ + parts; ++i)
      if (!heads_[i].valid) return "a sector is damaged, which may have been of a batch," + where;
    return {};
  }

  std::string_view file_;
  uint64_t generation_;
  std::vector<head> heads_;
  size_t at_ = 0;
  uint32_t number_ = 1;
  reading out_;
};

} // namespace

size_t framed_bytes(size_t content) {
  const size_t sectors = (length_bytes + content + room - 1) / room;
  return (sectors + unit_sectors - 1) / unit_sectors * unit_bytes;
}

void frame(uint64_t at, uint64_t generation, uint32_t number, std::string_view content, char* to) {
  const size_t sectors = framed_bytes(content.size()) / sector_bytes;
  char length[length_bytes];
  store(length, static_cast<uint32_t>(content.size()));
  for (size_t i = 0; i < sectors; ++i, to += sector_bytes) {
    char* here = to + head_bytes;
    size_t left = room;
    if (i == 0) {
      std::memcpy(here, length, length_bytes);
      here += length_bytes;
      left -= length_bytes;
    }
    const size_t n = std::min(left, content.size());
    if (n > 0) std::memcpy(here, content.data(), n);
    std::memset(here + n, 0, left - n);
    content.remove_prefix(n);
    seal(at / sector_bytes + i, {true, generation, number, static_cast<uint16_t>(i), static_cast<uint16_t>(sectors)}, to);
  }
}

void frame_nothing(uint64_t at, char* to, size_t bytes) {
  std::memset(to, 0, bytes);
  for (size_t i = 0; i < bytes / sector_bytes; ++i) seal(at / sector_bytes + i, {}, to + i * sector_bytes);
}

reading read(std::string_view file, uint64_t bytes, uint64_t generation) { return reader(file, bytes, generation).read(); }

size_t entry_bytes(size_t payload) { return entry_head_bytes + log_format::header_bytes + payload; }

void append_entry(std::string& content, const log_record& r) {
  const size_t at = content.size(), size = log_format::header_bytes + r.payload.size();
  content.resize(at + entry_head_bytes + size);
  lmdb::store_be64(content.data() + at, r.index.v);
  store(content.data() + at + 8, static_cast<uint32_t>(size));
  log_format::encode_entry(r, content.data() + at + entry_head_bytes);
}

bool take_entry(std::string_view& content, entry& out) {
  if (content.size() < entry_head_bytes) return false;
  const size_t size = load<uint32_t>(content.data() + 8);
  if (size > content.size() - entry_head_bytes) return false;
  out.value = content.substr(entry_head_bytes, size);
  const auto r = log_format::decode_entry(content.substr(0, 8), out.value);
  if (!r) return false;
  out.record = *r;
  content.remove_prefix(entry_head_bytes + size);
  return true;
}

} // namespace actord::journal_format
