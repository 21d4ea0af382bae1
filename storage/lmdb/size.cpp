#include "storage/lmdb/size.hpp"
#include <lmdb.h>

namespace actord::lmdb {

uint64_t bytes_of(const transaction& txn, unsigned database) {
  MDB_stat s;
  if (int rc = mdb_stat(txn.raw(), database, &s); rc != 0) raise(rc, "counting pages");
  return (s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages) * s.ms_psize;
}

} // namespace actord::lmdb
