/* One operation of the comparison, by libhdf5: compare_c ROW FILE prints its seconds, the checksum and its seconds
   of CPU time. See README.md. */
#include <hdf5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct { double wall, cpu; } mark_t;

/* What libhdf5 has no filter for has no time. */
static void must_read(hid_t d, hid_t t, hid_t m, hid_t s, hid_t p, void *buffer) {
    if (H5Dread(d, t, m, s, p, buffer) < 0) {
        exit(1);
    }
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static mark_t now(void) {
    mark_t m = {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
    return m;
}

static hsize_t dims[8];

static hid_t dataset(hid_t file, const char *name, hsize_t *n) {
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT), s = H5Dget_space(d);
    H5Sget_simple_extent_dims(s, dims, NULL);
    *n = H5Sget_simple_extent_npoints(s);
    H5Sclose(s);
    return d;
}

static uint64_t next(uint64_t *state, uint64_t n) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % n;
}

static uint64_t sum_f32(const float *a, hsize_t n) {
    double sum = 0;
    for (hsize_t i = 0; i < n; i++) sum += a[i];
    return (uint64_t)(int64_t)sum;
}

static uint64_t bytes;

static herr_t one_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data) {
    hid_t a = H5Aopen(object, name, H5P_DEFAULT), t = H5Aget_type(a);
    void *value = malloc(info->data_size + 16);
    H5Aread(a, t, value);
    bytes += info->data_size;
    free(value);
    H5Tclose(t);
    H5Aclose(a);
    return 0;
}

static herr_t one_object(hid_t root, const char *name, const H5O_info_t *info, void *data) {
    hid_t object = H5Oopen(root, name, H5P_DEFAULT);
    bytes++;
    H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, one_attribute, NULL);
    H5Oclose(object);
    return 0;
}

static herr_t one_link(hid_t group, const char *name, const H5L_info_t *info, void *data) {
    bytes += strlen(name);
    return 0;
}

typedef struct { int32_t id; double value; char name[16]; } row_t;

int main(int argc, char **argv) {
    const char *row = argv[1];
    hsize_t n;
    uint64_t check = 0, state = 1;
    mark_t opened = now();
    hid_t file = H5Fopen(argv[2], H5F_ACC_RDONLY, H5P_DEFAULT);
    mark_t start = now(), end;
    if (!strcmp(row, "fresh_f32") || !strcmp(row, "buffer_f32")) {
        hid_t d = dataset(file, "d", &n);
        float *a = malloc(n * 4);
        if (row[0] == 'b') {
            memset(a, 1, n * 4);
            start = now();
        }
        must_read(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, a);
        end = now();
        check = sum_f32(a, n);
    } else if (!strcmp(row, "fresh_i64")) {
        hid_t d = dataset(file, "d", &n);
        int64_t *a = malloc(n * 8);
        must_read(d, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, a);
        end = now();
        for (hsize_t i = 0; i < n; i++) check += a[i];
    } else if (!strcmp(row, "images")) {
        hid_t d = dataset(file, "images", &n);
        uint8_t *a = malloc(n);
        must_read(d, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, a);
        end = now();
        for (hsize_t i = 0; i < n; i++) check += a[i];
    } else if (!strcmp(row, "strings")) {
        hid_t d = dataset(file, "s", &n), t = H5Dget_type(d);
        char **a = malloc(n * sizeof *a);
        must_read(d, t, H5S_ALL, H5S_ALL, H5P_DEFAULT, a);
        end = now();
        for (hsize_t i = 0; i < n; i++) check += strlen(a[i]);
    } else if (!strcmp(row, "rows")) {
        hid_t d = dataset(file, "rows", &n), t = H5Tcreate(H5T_COMPOUND, sizeof(row_t)), s = H5Tcopy(H5T_C_S1);
        H5Tset_size(s, 16);
        H5Tset_strpad(s, H5T_STR_NULLPAD);
        H5Tinsert(t, "id", HOFFSET(row_t, id), H5T_NATIVE_INT32);
        H5Tinsert(t, "value", HOFFSET(row_t, value), H5T_NATIVE_DOUBLE);
        H5Tinsert(t, "name", HOFFSET(row_t, name), s);
        row_t *a = malloc(n * sizeof *a);
        must_read(d, t, H5S_ALL, H5S_ALL, H5P_DEFAULT, a);
        end = now();
        for (hsize_t i = 0; i < n; i++) check += (uint64_t)a[i].id + (uint64_t)a[i].value + (uint8_t)a[i].name[4];
    } else if (!strcmp(row, "random_i64")) {
        hid_t d = dataset(file, "d", &n), s = H5Dget_space(d);
        hsize_t count = 100;
        hid_t m = H5Screate_simple(1, &count, NULL);
        int64_t a[100];
        start = now();
        for (int i = 0; i < 10000; i++) {
            hsize_t at = next(&state, n - 100);
            H5Sselect_hyperslab(s, H5S_SELECT_SET, &at, NULL, &count, NULL);
            must_read(d, H5T_NATIVE_INT64, m, s, H5P_DEFAULT, a);
            check += a[0];
        }
        end = now();
    } else if (!strcmp(row, "random_slabs")) {
        hid_t d = dataset(file, "d", &n), s = H5Dget_space(d);
        hsize_t count[3] = {1, 64, 64};
        hid_t m = H5Screate_simple(3, count, NULL);
        static float a[64 * 64];
        start = now();
        for (int i = 0; i < 500; i++) {
            hsize_t at[3];
            at[0] = next(&state, 32);
            at[1] = next(&state, 960);
            at[2] = next(&state, 960);
            H5Sselect_hyperslab(s, H5S_SELECT_SET, at, NULL, count, NULL);
            must_read(d, H5T_NATIVE_FLOAT, m, s, H5P_DEFAULT, a);
            check += sum_f32(a, 64 * 64);
        }
        end = now();
    } else if (!strcmp(row, "walk")) {
        H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, one_object, NULL);
        end = now();
        check = bytes;
    } else if (!strcmp(row, "list")) {
        hsize_t at = 0;
        H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, &at, one_link, NULL);
        end = now();
        check = bytes;
    } else if (!strcmp(row, "open")) {
        char name[256];
        H5Lget_name_by_idx(file, "/", H5_INDEX_NAME, H5_ITER_INC, 0, name, sizeof name, H5P_DEFAULT);
        end = now();
        start = opened;
        check = 1;
    } else {
        return 2;
    }
    printf("%.9f %llu cpu %.9f\n", end.wall - start.wall, (unsigned long long)check, end.cpu - start.cpu);
    return 0;
}
