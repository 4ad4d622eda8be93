//! Three-dimensional shapes that are logged.

use std::fmt::Write as _;

use crate::error::{Error, Result};

/// A three-dimensional shape that is logged: points, or a surface of triangles.
///
/// ```
/// use lightning_core::loggers::Mesh;
///
/// let mesh = Mesh::new(vec![[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
///     .faces(vec![[0, 1, 2]])
///     .colors(vec![[255, 0, 0], [0, 255, 0], [0, 0, 255]]);
/// assert_eq!(mesh.vertices.len(), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Mesh {
    /// The coordinates of the points.
    pub vertices: Vec<[f32; 3]>,
    /// Triangles of three indices of vertices; none for a cloud of points.
    pub faces: Vec<[i32; 3]>,
    /// Red, green and blue of each vertex; none for one color.
    pub colors: Vec<[u8; 3]>,
}

impl Mesh {
    /// Creates a cloud of points.
    pub fn new(vertices: Vec<[f32; 3]>) -> Self {
        Self { vertices, ..Self::default() }
    }

    /// Sets the triangles.
    #[must_use]
    pub fn faces(mut self, faces: Vec<[i32; 3]>) -> Self {
        self.faces = faces;
        self
    }

    /// Sets the color of each vertex.
    #[must_use]
    pub fn colors(mut self, colors: Vec<[u8; 3]>) -> Self {
        self.colors = colors;
        self
    }

    /// Checks that faces and colors fit the vertices.
    ///
    /// # Errors
    /// If a face names a vertex that does not exist, or the number of colors is another one than
    /// that of vertices.
    pub(crate) fn check(&self) -> Result<()> {
        let count = self.vertices.len();
        let is_vertex = |index: &i32| usize::try_from(*index).is_ok_and(|index| index < count);
        if let Some(index) = self.faces.iter().flatten().find(|index| !is_vertex(index)) {
            let text = format!("a face of a mesh must name one of its {count} vertices, found {index}");
            return Err(Error::data(text).help("indices are from 0"));
        }
        if !self.colors.is_empty() && self.colors.len() != count {
            let text =
                format!("a mesh of {count} vertices must have {count} colors or none, found {}", self.colors.len());
            return Err(Error::data(text).help("pass one color for each vertex"));
        }
        Ok(())
    }

    /// The shape as the text of a file in Wavefront's OBJ format, with colors behind the
    /// coordinates.
    ///
    /// # Errors
    /// As of a mesh that is logged: if faces or colors do not fit the vertices.
    pub fn to_obj(&self) -> Result<String> {
        self.check()?;
        let mut text = String::new();
        for (index, [x, y, z]) in self.vertices.iter().enumerate() {
            // Writing to a text cannot fail.
            let _ = write!(text, "v {x} {y} {z}");
            if let Some(color) = self.colors.get(index) {
                let [red, green, blue] = color.map(|part| f32::from(part) / 255.0);
                let _ = write!(text, " {red} {green} {blue}");
            }
            text.push('\n');
        }
        for [a, b, c] in &self.faces {
            // Indices are from 1 in this format.
            let _ = writeln!(text, "f {} {} {}", a + 1, b + 1, c + 1);
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_and_colors_fit_the_vertices() -> Result<()> {
        let points = vec![[0.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 1.0, 0.0]];
        let mesh = Mesh::new(points.clone()).faces(vec![[0, 1, 2]]).colors(vec![[255, 0, 0]; 3]);
        assert_eq!(mesh.to_obj()?, "v 0 0 0 1 0 0\nv 1 0.5 0 1 0 0\nv 0 1 0 1 0 0\nf 1 2 3\n");
        assert!(Mesh::new(points.clone()).faces(vec![[0, 1, 3]]).check().is_err());
        assert!(Mesh::new(points.clone()).faces(vec![[0, 1, -1]]).check().is_err());
        assert!(Mesh::new(points).colors(vec![[0; 3]]).check().is_err());
        Ok(())
    }
}
