// What a table holds, as one number of 128 bits that follows every change: the sum, modulo 2^64 in each half, of the hashes
// of its entries. Adding and taking away need only the entry, and the order of entries does not matter, so the number is kept
// in the write transaction, and a walk over the table must come to the same. It finds damage, not forgery: the hash has no key.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace actord::lmdb {

struct sum128 {
  uint64_t low = 0, high = 0;
  void operator+=(const sum128& o) { low += o.low, high += o.high; }
  void operator-=(const sum128& o) { low -= o.low, high -= o.high; }
  bool operator==(const sum128&) const = default;
};

// MurmurHash3 for 64-bit machines with 128 bits of result (Austin Appleby, in the public domain). A long value may come in
// pieces: all but the last one through blocks(), in multiples of 16 bytes.
class murmur128 {
public:
  explicit murmur128(const sum128& seed) : low_(seed.low), high_(seed.high) {}
  void blocks(const char* bytes, size_t size);
  sum128 finish(std::string_view rest);

private:
  uint64_t low_, high_;
  uint64_t size_ = 0;
};

inline sum128 hash_of_key(std::string_view key) { return murmur128({0x9e3779b97f4a7c15, 0x9e3779b97f4a7c15}).finish(key); }
// The key's hash is the seed of the value's, so that no byte can move from one to the other.
inline sum128 hash_of_entry(const sum128& key, std::string_view value) { return murmur128(key).finish(value); }

// The sums of all tables of a write transaction, by database number.
struct content_sums {
  static constexpr unsigned most_tables = 48;
  std::array<sum128, most_tables> of{};
  uint64_t uncounted = 0; // bit per database whose entries are left out
  bool counts(unsigned table) const { return table < most_tables && (uncounted >> table & 1) == 0; }
  // A value whose room was given out and is filled by now.
  void settle() {
    if (!reserved) return;
    of[reserved_in] += hash_of_entry(reserved_key, {reserved, reserved_size});
    reserved = nullptr;
  }
  void leave_open(unsigned table, const sum128& key, const char* value, size_t size) {
    reserved = value, reserved_size = size, reserved_in = table, reserved_key = key;
  }

private:
  const char* reserved = nullptr;
  size_t reserved_size = 0;
  unsigned reserved_in = 0;
  sum128 reserved_key;
};

} // namespace actord::lmdb
