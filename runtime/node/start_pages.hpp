// Gives back the memory that only starting needed, or a flood that is over.
#pragma once
#include <cstddef>

namespace actord {

// The pages of code that have been mapped so far, most of which ran once, and what malloc keeps free. Code that is needed
// again is mapped again from the page cache, a few microseconds per page, without I/O. Linux; elsewhere nothing happens.
void release_start_pages();

// What malloc keeps free of a busy moment. It is looked at now and then, and goes back once the process has grown by much and grows
// no more: giving back costs a few milliseconds, in which whoever allocates waits.
class busy_memory {
public:
  void look(); // every few seconds, for the first time once the start is over

private:
  bool is_over(size_t bytes);
  size_t kept_ = 0, last_ = 0; // after the last time, at the last look
};

} // namespace actord
