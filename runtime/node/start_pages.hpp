// Gives back the memory that only starting needed.
#pragma once

namespace actord {

// The pages of code that have been mapped so far, most of which ran once, and what malloc keeps free. Code that is needed
// again is mapped again from the page cache, a few microseconds per page, without I/O. Linux; elsewhere nothing happens.
void release_start_pages();

} // namespace actord
