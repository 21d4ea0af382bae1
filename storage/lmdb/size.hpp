// How much room a database takes.
#pragma once
#include "storage/lmdb/transaction.hpp"

namespace actord::lmdb {

uint64_t bytes_of(const transaction& txn, unsigned database); // of its pages

} // namespace actord::lmdb
