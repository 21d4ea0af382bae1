// Who goes where clients make us hold too much: of the household (household.hpp) that then holds the most the largest, and so on. Strangers push out
// themselves, and nobody who holds little.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace actord::net {

struct holding {
  std::string household;
  size_t bytes;
};

// Their places in `all`, in the order of going, until at least `excess` bytes are let go of. Who holds nothing stays.
std::vector<size_t> heaviest(std::span<const holding> all, size_t excess);

} // namespace actord::net
