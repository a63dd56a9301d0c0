# Writes a header with a hash of the files in SOURCES.
set(hashes "")
foreach(source IN LISTS SOURCES)
  file(SHA256 ${source} hash)
  string(APPEND hashes ${hash})
endforeach()
string(SHA256 id "${hashes}")
string(SUBSTRING ${id} 0 12 id)
file(WRITE ${OUTPUT} "#define ATTN_BUILD_ID \"${id}\"\n")
