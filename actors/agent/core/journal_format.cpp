#include "actors/agent/core/journal_format.hpp"
#include <algorithm>

namespace actord::agent {

namespace {

constexpr uint32_t head_magic = 0x024a4841, record_magic = 0x024a5241; // "AHJ\2", "ARJ\2": no text begins like this
constexpr size_t head_bytes = 36, record_head_bytes = 28, old_head_bytes = 12;
constexpr size_t sector = 512;         // bytes that a disk writes whole or not at all
constexpr size_t surely_unwritten = 8; // zero bytes in a row: no record has as many
constexpr size_t old_file_bytes = 2 * 1024 * 1024; // a file of version 1 had at least these
constexpr char kind_write = 1, kind_remove = 2;

uint64_t fnv1a(std::string_view bytes) {
  uint64_t h = 14695981039346656037ULL;
  for (unsigned char c : bytes) h = (h ^ c) * 1099511628211ULL;
  return h;
}

template <class T> void put(std::string& out, T x) {
  for (size_t i = 0; i < sizeof x; ++i) out += static_cast<char>(x >> (8 * i) & 0xff);
}
template <class T> T get(std::string_view in, size_t at = 0) {
  T x = 0;
  for (size_t i = 0; i < sizeof x; ++i) x = static_cast<T>(x | static_cast<T>(static_cast<unsigned char>(in[at + i])) << (8 * i));
  return x;
}

bool is_ours(std::string_view path) {
  return (path.starts_with("services/") || path.starts_with("checks/")) && path.find("..") == std::string_view::npos &&
         path.find('\0') == std::string_view::npos;
}

std::optional<file_change> parse_rest(std::string_view rest) {
  if (rest.size() < 3 || (rest[0] != kind_write && rest[0] != kind_remove)) return {};
  const size_t path = get<uint16_t>(rest, 1);
  if (3 + path > rest.size()) return {};
  file_change c{std::string(rest.substr(3, path)), std::nullopt};
  if (!is_ours(c.path)) return {};
  if (rest[0] == kind_write) c.content = std::string(rest.substr(3 + path));
  return c;
}

struct look {
  size_t end = 0; // of the record; 0: where it ends is not known
  std::optional<journal_record> record;
};

look look_at_record(std::string_view all, size_t at) {
  if (all.size() - at < record_head_bytes || get<uint32_t>(all, at) != record_magic) return {};
  if (static_cast<uint32_t>(fnv1a(all.substr(at, 16))) != get<uint32_t>(all, at + 16)) return {};
  const size_t length = get<uint32_t>(all, at + 4);
  if (length > all.size() - at - record_head_bytes) return {all.size(), {}};
  const auto rest = all.substr(at + record_head_bytes, length);
  look out{at + record_head_bytes + length, {}};
  if (fnv1a(rest) != get<uint64_t>(all, at + 20)) return out;
  if (auto c = parse_rest(rest)) out.record = {get<uint64_t>(all, at + 8), std::move(*c)};
  return out;
}

// Its head has no sum, so a look costs its length: only so many bytes are looked at.
look look_at_old_record(std::string_view all, size_t at, size_t& budget) {
  if (all.size() - at < old_head_bytes + 3) return {};
  const size_t length = get<uint32_t>(all, at);
  if (length < 3 || length > all.size() - at - old_head_bytes || length > budget) return {};
  const auto rest = all.substr(at + old_head_bytes, length);
  auto c = rest[0] == kind_write || rest[0] == kind_remove ? rest.substr(3, 2) : std::string_view();
  if (c != "se" && c != "ch") return {};
  budget -= length;
  if (fnv1a(rest) != get<uint64_t>(all, at + 4)) return {};
  auto change = parse_rest(rest);
  if (!change) return {};
  return {at + old_head_bytes + length, journal_record{0, std::move(*change)}};
}

// From `at` on, behind which nothing is whole: does it look like a write of which some sectors never came to the disk?
bool looks_torn(std::string_view all, size_t at, size_t end) {
  const size_t boundary = (at / sector + 1) * sector;
  auto zeros = [&](size_t from, size_t to) { return all.substr(from, to - from).find_first_not_of('\0') == std::string_view::npos; };
  if (end == 0) // its head is not whole: it lies across two sectors, one of which is not there
    return boundary < at + record_head_bytes && (boundary >= all.size() || zeros(boundary, all.size()) || zeros(at, boundary));
  for (size_t from = at; from < end; from = (from / sector + 1) * sector) {
    const size_t to = std::min(end, (from / sector + 1) * sector);
    if (to - from >= surely_unwritten && zeros(from, to)) return true;
  }
  return false;
}

class reader {
public:
  reader(std::string_view all, journal_version version, uint64_t next) : all_(all), two_(version == journal_version::two), next_(next), budget_(4 * all.size()) {}

  journal_reading read() {
    size_t at = 0;
    if (two_) {
      read_head();
      at = std::min<size_t>(journal_block, all_.size());
      out_.shortened = !out_.head || all_.size() < out_.head->bytes;
    }
    while (at < all_.size()) at = step(at);
    // Zeroing was interrupted after the head had said that all of it is settled; what is new comes after zeroing only.
    if (stale_ && out_.records.empty()) std::erase_if(out_.cuts, [](auto& c) { return c.offset >= journal_block; });
    if (!two_) out_.shortened = all_.size() < old_file_bytes && (!out_.records.empty() || !out_.cuts.empty());
    return std::move(out_);
  }

private:
  void read_head() {
    if (all_.size() < head_bytes || get<uint32_t>(all_) != head_magic || fnv1a(all_.substr(12, 24)) != get<uint64_t>(all_, 4)) {
      out_.cuts.push_back({0, std::min<uint64_t>(journal_block, all_.size()), false, 0});
      return;
    }
    out_.head = journal_head{get<uint64_t>(all_, 12), get<uint64_t>(all_, 20), get<uint64_t>(all_, 28)};
    expected_ = out_.head->first;
  }

  look look_at(size_t at) { return two_ ? look_at_record(all_, at) : look_at_old_record(all_, at, budget_); }

  // Takes the record at `at`, or skips what is none; where to go on.
  size_t step(size_t at) {
    look here = look_at(at);
    if (here.record) {
      take(std::move(*here.record));
      return here.end;
    }
    const size_t something = all_.find_first_not_of('\0', at);
    if (something == std::string_view::npos) return all_.size();
    size_t next = here.end != 0 ? here.end : at + 1;
    while (next < all_.size()) {
      next = candidate(next);
      if (next >= all_.size()) break;
      look there = look_at(next);
      if (there.record) {
        out_.cuts.push_back({at, next - at, false, 0});
        return next;
      }
      next = there.end != 0 ? there.end : next + 1;
    }
    const size_t last = all_.find_last_not_of('\0') + 1;
    out_.cuts.push_back({at, std::max(last, std::min(here.end, all_.size())) - at, two_ && looks_torn(all_, at, here.end), 0});
    return all_.size();
  }

  size_t candidate(size_t from) const {
    if (!two_) return from;
    const char first[] = {'A', 'R', 'J', 2};
    const size_t at = all_.find(std::string_view(first, 4), from);
    return at == std::string_view::npos ? all_.size() : at;
  }

  void take(journal_record r) {
    if (!two_) r.number = next_++;
    if (out_.head && r.number < out_.head->first) return (void)(stale_ = true);
    // Written again after a failure, perhaps elsewhere; the number says that it is the same one.
    if (!out_.records.empty() && r.number <= out_.records.back().number) return;
    if (expected_ != 0 && r.number > expected_) out_.missing += r.number - expected_;
    expected_ = r.number + 1;
    out_.records.push_back(std::move(r));
    for (auto& c : out_.cuts) ++c.behind;
  }

  std::string_view all_;
  bool two_, stale_ = false;
  uint64_t next_, expected_ = 0;
  size_t budget_;
  journal_reading out_;
};

} // namespace

void append_head(std::string& out, const journal_head& h) {
  std::string rest;
  put(rest, h.bytes), put(rest, h.first), put(rest, h.settled);
  put(out, head_magic);
  put(out, fnv1a(rest));
  out += rest;
}

void append_record(std::string& out, uint64_t number, const file_change& c) {
  std::string rest(1, c.content ? kind_write : kind_remove);
  rest.reserve(3 + c.path.size() + (c.content ? c.content->size() : 0));
  put(rest, static_cast<uint16_t>(c.path.size()));
  rest += c.path;
  if (c.content) rest += *c.content;
  const size_t at = out.size();
  put(out, record_magic);
  put(out, static_cast<uint32_t>(rest.size()));
  put(out, number);
  put(out, static_cast<uint32_t>(fnv1a(std::string_view(out).substr(at, 16))));
  put(out, fnv1a(rest));
  out += rest;
}

bool journal_reading::damaged() const {
  return shortened || missing > 0 || std::any_of(cuts.begin(), cuts.end(), [](auto& c) { return !c.torn; });
}

journal_reading read_journal(std::string_view bytes, journal_version version, uint64_t next) { return reader(bytes, version, next).read(); }

} // namespace actord::agent
